"""How objects leave: DIMSE, DICOM TLS and STOW-RS, and the question whether they are kept.

`transport` is the way in. It waits for peers and knows no database: what is due, when it is
tried again and what came of it is the queue's to know.
"""
