"""The dream as a web page: a folder of static files."""
