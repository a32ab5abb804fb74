"""What an adviser reads: ranges, risks, reasons, drift, and the workbook."""
