"""What a gallery is made of: a few numbers of each run, gathered before any HTML is written."""

from dataclasses import dataclass, field

from latentlab.pictures import Strip


@dataclass(frozen=True)
class MeanScore:
    """A score averaged over the targets it could be measured for."""

    mean: float
    low: float  # least of a target
    high: float
    targets: int


@dataclass(frozen=True, eq=False)
class GalleryRun:
    """One run that has a report.

    Attributes:
        title: Its own name.
        folder: Below the gallery's folder, in POSIX form.
        href: Of its report, relative to the gallery.
        model, data: In words; empty where not known.
        latents, active: Dimensions, and those of them that carry something.
        beta: None where the objective has none.
        scores: Metric -> mean of it over targets of one kind: `auc` of attributes, `r2` of factors.
        verdicts: Verdict -> how many; empty where none was given.
        strip: A face moved along the dimension `moved`, which was taken for `moved_for`.
        no_strip: Why there is no strip.
    """

    title: str
    folder: str
    href: str
    model: str
    data: str
    images: int
    latents: int
    active: int
    beta: float | None
    scores: dict[str, MeanScore] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    strip: Strip | None = None
    moved: str = ""
    moved_for: str = ""
    no_strip: str = ""


@dataclass(frozen=True)
class GalleryComparison:
    """A page that compares runs; `runs` and `groups` are None where it does not say."""

    title: str
    folder: str
    href: str
    runs: float | None
    groups: float | None


@dataclass(frozen=True)
class Unfinished:
    """A run that has no report, or cannot be read: why, and what to do next."""

    folder: str
    reason: str
    next: str


@dataclass(frozen=True)
class GalleryContents:
    """Everything the page shows; runs and comparisons in the order of their folders."""

    title: str
    runs: tuple[GalleryRun, ...]
    comparisons: tuple[GalleryComparison, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
