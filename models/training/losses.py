"""What training makes smaller: a focal loss on centres, overlap of boxes, and the verdict."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.fracture_network import Predictions
from models.letterbox import STRIDE

_SPREAD = 0.18  # standard deviation of a centre's Gaussian over the box's side
_LEAST_SPREAD = 0.6  # cells; a smaller one would reach no neighbour
_NEAR = 0.3  # cells of a Gaussian above this learn the box


def targets(boxes: Sequence[Tensor], shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw what the heat map and the distances should be.

    Parameters
    ----------
    boxes
        For each image (n, 4), left top right bottom, canvas pixels.
    shape
        Rows and columns of the heat map, cells.

    Returns
    -------
    heat
        (N, 1, rows, columns), 1 in the cell of a centre, falling off around it.
    sides
        (N, 4, rows, columns), the box each near cell belongs to, left top right bottom.
    weight
        (N, rows, columns), 0 where no box is near.
    """
    rows, columns = shape
    heat = torch.zeros(len(boxes), 1, rows, columns)
    sides = torch.zeros(len(boxes), 4, rows, columns)
    weight = torch.zeros(len(boxes), rows, columns)
    y = torch.arange(rows).float()[:, None]
    x = torch.arange(columns).float()[None, :]
    for number, of_image in enumerate(boxes):
        # the largest first, so that a small box on a large one keeps its cells
        for box in sorted(of_image.tolist(), key=lambda b: -(b[2] - b[0]) * (b[3] - b[1])):
            left, top, right, bottom = (side / STRIDE for side in box)
            column = min(int((left + right) / 2), columns - 1)
            row = min(int((top + bottom) / 2), rows - 1)
            spread_x = max((right - left) * _SPREAD, _LEAST_SPREAD)
            spread_y = max((bottom - top) * _SPREAD, _LEAST_SPREAD)
            bell = torch.exp(
                -((x - column) ** 2) / (2 * spread_x**2) - ((y - row) ** 2) / (2 * spread_y**2)
            )
            heat[number, 0] = torch.maximum(heat[number, 0], bell)
            near = bell > _NEAR
            sides[number, :, near] = torch.tensor(box)[:, None]
            weight[number, near] = bell[near] / bell[near].sum()
    return heat, sides, weight


def focal_loss(logit: Tensor, target: Tensor) -> Tensor:
    """The penalty-reduced focal loss of CornerNet and CenterNet, summed, over the centres."""
    centre = target >= 1.0
    positive = functional.logsigmoid(logit) * torch.sigmoid(-logit) ** 2
    negative = functional.logsigmoid(-logit) * torch.sigmoid(logit) ** 2 * (1 - target) ** 4
    loss = -torch.where(centre, positive, negative).sum()
    return loss / centre.sum().clamp(min=1)


def giou_loss(distances: Tensor, sides: Tensor, weight: Tensor) -> Tensor:
    """1 - GIoU (Rezatofighi et al. 2019) of the near cells, each box counting once."""
    rows, columns = weight.shape[1:]
    x = (torch.arange(columns, device=weight.device).float() + 0.5) * STRIDE
    y = (torch.arange(rows, device=weight.device).float()[:, None] + 0.5) * STRIDE
    near = weight > 0
    if not near.any():
        return distances.sum() * 0.0
    x1, y1 = (x - distances[:, 0])[near], (y - distances[:, 1])[near]
    x2, y2 = (x + distances[:, 2])[near], (y + distances[:, 3])[near]
    left, top, right, bottom = (sides[:, side][near] for side in range(4))
    inner = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp(min=0) * (
        torch.minimum(y2, bottom) - torch.maximum(y1, top)
    ).clamp(min=0)
    outer = (torch.maximum(x2, right) - torch.minimum(x1, left)) * (
        torch.maximum(y2, bottom) - torch.minimum(y1, top)
    )
    union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - inner
    giou = inner / union.clamp(min=1e-6) - (outer - union) / outer.clamp(min=1e-6)
    return ((1 - giou) * weight[near]).sum() / weight.sum()


def size_loss(distances: Tensor, sides: Tensor, weight: Tensor) -> Tensor:
    """How far the boxes' widths and heights are off, as ratios, each box counting once.

    The overlap alone teaches sizes slowly: it was measured to leave nearly all boxes of one size.
    """
    near = (weight > 0)[:, None].expand(-1, 2, -1, -1)
    if not near.any():
        return distances.sum() * 0.0
    said = distances[:, :2] + distances[:, 2:]
    true = (sides[:, 2:] - sides[:, :2]).clamp(min=1.0)
    ratio = torch.log(said[near]) - torch.log(true[near])
    shares = weight[:, None].expand(-1, 2, -1, -1)[near]
    return (ratio.abs() * shares).sum() / weight.sum()


def total_loss(predictions: Predictions, boxes: Sequence[Tensor], fractured: Tensor) -> Tensor:
    """The sum that training follows.

    Images labelled fractured without a box teach the verdict only: where they are fractured is
    not known, so their heat map is left out.
    """
    heat, sides, weight = (
        target.to(predictions.heat_logit.device)
        for target in targets(boxes, tuple(predictions.heat_logit.shape[2:]))  # type: ignore[arg-type]
    )
    known = torch.tensor(
        [
            not math.isclose(f, 1.0) or len(b) > 0
            for f, b in zip(fractured.tolist(), boxes, strict=True)
        ],
        device=heat.device,
    )
    verdict = functional.binary_cross_entropy_with_logits(predictions.image_logit, fractured)
    places = focal_loss(predictions.heat_logit[known], heat[known])
    overlap = giou_loss(predictions.distances, sides, weight)
    size = size_loss(predictions.distances, sides, weight)
    return verdict + places + 2.0 * (overlap + size)
