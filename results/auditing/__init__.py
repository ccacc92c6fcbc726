"""The record for others: audit messages of DICOM, lines of JSON, and syslog over TLS."""
