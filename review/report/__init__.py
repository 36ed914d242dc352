"""The report: one page that prints well, or Markdown, of sections with figures and tables."""
