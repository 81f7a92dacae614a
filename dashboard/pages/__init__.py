"""One module per page. Each turns a desk into what its template shows; none knows HTTP or HTML."""
