"""Options of commands that may do a table in parts, and the parts done where they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    from latentlab.distributed import Place
    from latentlab.shards import Parts

ShardOption = Annotated[
    str | None, typer.Option("--shard", help="Make part i of n alone, as i/n; then --join.")
]
JoinOption = Annotated[
    bool, typer.Option("--join", help="Put the parts together; every image must be there once.")
]
PartsOption = Annotated[
    int, typer.Option("--parts", min=0, help="With --engine: how many parts; 0 is four a worker.")
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="Make all parts: here, in processes, or by ray.")
]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="Of the Ray cluster; one on this machine if none.")
]


@dataclass(frozen=True)
class Asked:
    """How a table is to be made.

    Attributes:
        shard: This part alone, i/n.
        join: Put parts together that are there.
        engine: Make all parts with it and put them together.
        parts: How many.
        workers, address: See `distributed.Place`.
    """

    shard: str | None = None
    join: bool = False
    engine: str | None = None
    parts: int = 0
    workers: int = 0
    address: str | None = None

    def __post_init__(self) -> None:
        from latentlab.errors import ConfigError

        if sum((self.shard is not None, self.join, self.engine is not None)) > 1:
            raise ConfigError("--shard, --join and --engine exclude one another. Give one of them.")
        if self.address is not None and self.engine is None:
            raise ConfigError("--address is that of a Ray cluster: give --engine ray with it.")

    @property
    def whole(self) -> bool:
        """Whether the table is made in one piece, as ever."""
        return self.shard is None and not self.join and self.engine is None

    @property
    def place(self) -> "Place":
        from latentlab.distributed import Place

        return Place(self.engine or "here", self.workers, address=self.address)  # type: ignore[arg-type]


def make_all(
    parts: "Parts", asked: Asked, work: "Callable[[Any], None]", argument: "Callable[[str], Any]"
) -> None:
    """Make every part that is not there yet.

    Args:
        work: Makes one part; importable by name.
        argument: What it is given for the shard i/n.
    """
    import os

    from latentlab.shards import every

    batches = max(1, -(-len(parts.ids) // parts.step))
    count = min(asked.parts or 4 * (asked.workers or os.cpu_count() or 1), batches)
    left = [shard for shard in every(count) if not parts.there(shard)]
    if len(left) < count:
        console.say(f"{count - len(left)} of {count} parts are there already")
    with console.progress("parts", len(left), "parts") as advance:
        asked.place.each(work, [argument(str(shard)) for shard in left], lambda part: advance(1))
