"""The installed models and their cards, as JSON."""

from fastapi import APIRouter

from viewer.ports import WorklistReader
from viewer.schemas import ModelAnswer, ModelCardAnswer


def make_router(reader: WorklistReader) -> APIRouter:
    """The routes under ``/api/models``."""
    router = APIRouter(prefix="/api/models", tags=["models"])

    @router.get("")
    def models() -> list[ModelAnswer]:
        """Every installed model: whether it looks at studies, and if not, why."""
        return [ModelAnswer.model_validate(one) for one in reader.models()]

    @router.get("/{name}")
    def model(name: str) -> ModelCardAnswer:
        """One model with its whole card."""
        return ModelCardAnswer.model_validate(reader.model(name))

    return router
