"""``federated``: train one model with other lenders, over days and by any carrier."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from core.canonical import canonical_bytes, sha256_hex
from core.shape import encode
from core.units import MS_PER_DAY, PPM
from server.keys import KeyPair, load_key_pair
from server.training.release import Release

if TYPE_CHECKING:
    from server.training.federated.coordinator import Run
    from server.training.federated.desk import Agreement

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)


def federated_command(now_ms: Callable[[], int]) -> click.Group:
    """The commands; the composition root gives them the time [ms UTC]."""

    @click.group("federated")
    def federated() -> None:
        """Train one model with other lenders; nobody shows a loan.

        The coordinator asks, sites answer with masked sums. Envelopes to be carried lie in
        the folder's ``out``; what was brought goes into its ``in``.
        """

    for made in (_begin(now_ms), _work(now_ms), _answer(now_ms)):
        federated.add_command(made)
    return federated


def _begin(now_ms: Callable[[], int]) -> click.Command:
    @click.command("begin")
    @_agreed
    @click.option("--run", "run_id", required=True, help="The run's name, the same for ever.")
    @click.option("--rows-min", type=click.IntRange(1), default=100, show_default=True)
    def begin(folder: Path, agreed: tuple[Agreement, KeyPair], run_id: str, rows_min: int) -> None:
        """Ask the first question, as the coordinator."""
        from server.training.federated.desk import Coordinator  # noqa: PLC0415 - science stack

        agreement, keys = agreed
        run = Coordinator(folder, agreement, keys).begin(run_id, rows_min, now_ms())
        click.echo(_told(run))

    return begin


def _work(now_ms: Callable[[], int]) -> click.Command:
    @click.command("work")
    @_agreed
    @click.option("--give-up", is_flag=True, help="Void the round; ask again who answered.")
    @click.option("--out", type=_FILE, help="Where the model goes once there is one.")
    @click.option("--version", type=click.IntRange(1), default=1, show_default=True)
    @click.option("--valid-days", type=click.IntRange(1), default=365, show_default=True)
    @click.option("--simulated/--observed", default=False, show_default=True)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def work(
        folder: Path, agreed: tuple[Agreement, KeyPair], *, give_up: bool, out: Path | None,
        as_json: bool, **release: Any,
    ) -> None:  # fmt: skip
        """Take the answers that came in, and go on, as the coordinator."""
        from server.training.federated.desk import Coordinator  # noqa: PLC0415 - science stack

        agreement, keys = agreed
        run = Coordinator(folder, agreement, keys).work(now_ms(), give_up=give_up)
        found = _found(run)
        if run.done and out is not None:
            starts_ms = now_ms() // MS_PER_DAY * MS_PER_DAY
            made = Release(release["version"], starts_ms, release["valid_days"], 0)
            found |= _written(run, agreement, made, out, simulated=release["simulated"])
        click.echo(json.dumps(found, sort_keys=True) if as_json else _told(run))

    return work


def _answer(now_ms: Callable[[], int]) -> click.Command:
    @click.command("answer")
    @_agreed
    @click.option("--loans", type=_FILE, required=True, help="This lender's past loans as CSV.")
    @click.option("--rows-min", type=click.IntRange(1), default=100, show_default=True)
    def answer(folder: Path, agreed: tuple[Agreement, KeyPair], loans: Path, rows_min: int) -> None:
        """Answer the questions that came in, as a site."""
        from server.training.federated.desk import Desk  # noqa: PLC0415 - science stack

        agreement, keys = agreed
        told = Desk(folder, agreement, keys).work(loans, rows_min, now_ms())
        for each in told:
            said = each.refused or f"{len(each.words)} masked sums"
            click.echo(f"Round {each.round_no}: {said}.")
        if not told:
            click.echo("No new question was brought.")

    return answer


def _found(run: Run) -> dict[str, object]:
    return {
        "round": run.question.round_no,
        "stage": run.question.stage.value,
        "waits_for": list(run.waits_for),
        "refusals": dict(run.refusals),
        "set_aside": [encode(each) for each in run.set_aside],
        "done": run.done,
    }


def _written(
    run: Run, agreement: Agreement, release: Release, out: Path, *, simulated: bool
) -> dict[str, object]:
    """Write the model, and say where it is."""
    from server.training.federated.desk import model_of  # noqa: PLC0415 - science stack
    from server.training.federated.post import write_whole  # noqa: PLC0415

    data = canonical_bytes(encode(model_of(run, agreement, release, simulated=simulated)))
    write_whole(out, data)
    return {"model": str(out), "sha256": sha256_hex(data), "auc_ppm": run.auc_ppm}


def _agreed(command: F) -> F:
    """Add the options of what all partners agreed on; the command is given ``agreed``."""

    @functools.wraps(command)
    def with_agreement(
        *, folder: Path, catalogue: Path, coordinator: Path, partner: tuple[Path, ...],
        key_file: Path, name: str, **others: Any,
    ) -> Any:  # fmt: skip
        from server.training.federated.desk import read_agreement  # noqa: PLC0415 - science stack

        agreement = read_agreement(catalogue, coordinator, partner)
        agreed = (agreement, load_key_pair(key_file, name))
        return command(folder=folder, agreed=agreed, **others)

    for option in (
        click.option("--name", required=True, help="This node's name, as its partners know it."),
        click.option("--key-file", type=_FILE, required=True, help="This node's key file."),
        click.option("--partner", type=_FILE, multiple=True, help="A site's NAME.pub.json; each."),
        click.option("--coordinator", type=_FILE, required=True, help="Its NAME.pub.json."),
        click.option("--catalogue", type=_FILE, required=True, help="The agreed catalogue (TOML)."),
        click.option(
            "--folder", type=click.Path(path_type=Path, file_okay=False), required=True,
            help="Where this node keeps the run.",
        ),
    ):  # fmt: skip
        with_agreement = option(with_agreement)
    return cast("F", with_agreement)


def _told(run: Run) -> str:
    lines = [f"  set aside: {', '.join(each.sites)}, for {each.why}" for each in run.set_aside]
    lines += [f"  {name} {why}" for name, why in sorted(run.refusals.items())]
    if run.done:
        head = (
            f"The model of {run.rows_count:,} loans is done; it ranks them with an AUC of "
            f"{run.auc_ppm / PPM:.3f}."
        )
    else:
        head = (
            f"Round {run.question.round_no} ({run.question.stage.value}) waits for "
            f"{', '.join(run.waits_for)}."
        )
    return "\n".join([head, *lines])
