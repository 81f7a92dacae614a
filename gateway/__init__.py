"""The edge process: reads, decodes, validates, stores, accounts for and delivers readings."""
