"""/v1/operator/datasets: check, import, list and erase data sets; export feedback."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from fastapi.concurrency import run_in_threadpool

from moderation.imported import moderate
from server.dependencies import OperatorDep, ServicesDep
from server.schemas.operator.datasets import (
    DatasetErased,
    DatasetItem,
    DatasetReport,
    Flagged,
    Unusable,
)
from server.schemas.text import Name, Page, columns
from tutelage.datasets import keeping, reading, writing
from tutelage.datasets.reading import ImportReport

router = APIRouter(prefix="/v1/operator/datasets", tags=["operator"])

_SHOWN = 5  # rows that are named for each problem
File = Annotated[bytes, Body(media_type="application/octet-stream", description="The file.")]
FormatName = Annotated[
    Name, Query(alias="format", description="Empty: detected from the first row.")
]


@router.get("")
def list_datasets(_operator: OperatorDep, services: ServicesDep) -> Page[DatasetItem]:
    """Imported data sets, newest first."""
    with services.store.read() as session:
        data = [DatasetItem(**columns(row, DatasetItem)) for row in keeping.listed(session)]
    return Page(data=data)


@router.post("")
async def import_dataset(
    file: File,
    operator: OperatorDep,
    services: ServicesDep,
    format_name: FormatName = "",
    name: Name = "",
    licence: Name = "",
    origin: Name = "",
    check: Annotated[bool, Query(description="Only report; import nothing.")] = True,
    flagged: Annotated[
        Literal["keep", "exclude"], Query(description="Whether to import flagged rows.")
    ] = "keep",
) -> DatasetReport:
    """Check or import a file; import larger files with the command line."""

    def work() -> DatasetReport:
        examples, report = reading.read(file, format_name or None)
        if services.classifier:
            moderate(services.classifier, services.rules(), examples, report)
        if flagged == "exclude":
            examples = reading.without_flagged(examples, report)
        if check:
            return _report(report, 0)
        with services.store.write() as session:
            dataset = keeping.begin(session, name, licence, origin, report, operator.user.id)
        return _report(report, keeping.keep(services.store, dataset, examples))

    return await run_in_threadpool(work)


@router.get("/export")
def export_dataset(
    operator: OperatorDep,
    services: ServicesDep,
    format_name: FormatName = "trl",
    source: Name = writing.PEOPLE,
) -> Response:
    """Export consented feedback, anonymised, as JSON Lines."""
    written = writing.export(services.store, format_name, source, operator.user.id)
    headers = {"content-disposition": f'attachment; filename="tutelage-{format_name}.jsonl"'}
    return Response("".join(written.lines), media_type="application/x-ndjson", headers=headers)


@router.delete("/{dataset_id}")
def erase_dataset(dataset_id: Name, operator: OperatorDep, services: ServicesDep) -> DatasetErased:
    """Erase a data set with all its examples."""
    policies = keeping.erase(services.store, services.iterations, dataset_id, operator.user.id)
    return DatasetErased(id=dataset_id, policies=policies)


def _report(report: ImportReport, kept: int) -> DatasetReport:
    problems = [
        Unusable(reason=reason, rows=rows[:_SHOWN], count=len(rows))
        for reason, rows in sorted(report.problems.items(), key=lambda each: -len(each[1]))
    ]
    flagged = [
        Flagged(category=category, rows=reading.rows_of(some), count=len(some))
        for category, some in sorted(report.flagged.items(), key=lambda each: -len(each[1]))
    ]
    return DatasetReport(
        **columns(report, DatasetReport)
        | {"problems": problems, "flagged": flagged, "kept": kept, "suspects": len(report.suspects),
           "moderated": report.moderated_by is not None},
    )  # fmt: skip
