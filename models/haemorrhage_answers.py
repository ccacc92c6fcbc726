"""In what the networks for head CT answer: kinds, signs, cells.

Apart from the networks, so that a worker that runs them compiled need not import PyTorch.
"""

KINDS = ("intraventricular", "intraparenchymal", "subarachnoid", "epidural", "subdural")
SIGNS = ("blood", "fracture")  # of the unrolled wall of a skull
STRIDE = 8  # pixels of a picture from one cell to the next
