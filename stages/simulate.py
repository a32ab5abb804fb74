"""Simulate a cohort, so that a fresh checkout runs without network access."""

from nextsem.shared import params
from nextsem.shared.files import whole_files
from nextsem.shared.program import run
from nextsem.simulation import cohort, transcripts

TABLE = "data/raw/simulated.csv"


def main() -> None:
    simulate = params.load().simulate
    layout = cohort if simulate.layout == "wide" else transcripts
    with whole_files() as place, place(TABLE).open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(layout.blocks(simulate.students, simulate.seed)):
            block.to_csv(file, header=number == 0, index=False, lineterminator="\n")
    print(f"{TABLE}: {simulate.students} simulated students")


if __name__ == "__main__":
    run(main)
