"""The HL7 v2.5.1 interface to the RIS: pure reading and building, and MLLP to carry it."""
