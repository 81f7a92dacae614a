"""The uplink kind ``national-tcp``: 分项能耗数据传输 over a long TCP connection, in the dialect a site file names."""
