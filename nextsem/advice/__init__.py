"""Output for advisers: ranges, risks, reasons, drift, and the workbook."""
