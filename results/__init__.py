"""What goes back: what detectors found, in the objects that other systems read.

Builders are pure: facts in, a data set out; they read no file, ask no clock and no database.
"""
