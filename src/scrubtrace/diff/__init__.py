"""Two versions of a data set compared: aligned row by row, and judged edit by edit."""
