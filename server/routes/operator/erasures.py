"""/v1/operator/erasures: erased data, the policies trained on it, retraining without it."""

from fastapi import APIRouter
from sqlmodel import Session

from server.dependencies import OperatorDep, ServicesDep
from server.schemas.operator.operator import IterationItem, IterationRequest
from server.schemas.sharing import ErasureItem
from server.schemas.text import Name, Page, columns
from tutelage.people import erasure
from tutelage.policies import lineage
from tutelage.tables import Erasure

router = APIRouter(prefix="/v1/operator/erasures", tags=["operator"])


@router.get("")
def list_erasures(_operator: OperatorDep, services: ServicesDep) -> Page[ErasureItem]:
    """Erasures of data that policies were trained on, newest first."""
    with services.store.read() as session:
        data = [_item(session, row) for row in erasure.listed(session)]
    return Page(data=data)


@router.post("/{erasure_id}/retrain", status_code=201)
def retrain_without(
    erasure_id: Name, body: IterationRequest, operator: OperatorDep, services: ServicesDep
) -> IterationItem:
    """Queue an iteration from the newest policy not trained on the erased data."""
    with services.store.write() as session:
        row = erasure.retrain_without(session, erasure_id, body.preset, operator.user.id)
    return IterationItem.model_validate(row)


def _item(session: Session, row: Erasure) -> ErasureItem:
    parent = lineage.unaffected_ancestor(session, row.policies)
    return ErasureItem(**columns(row, ErasureItem), parent=parent)
