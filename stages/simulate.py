"""Simulate a cohort, so that a fresh checkout runs with no network."""

from nextsem import cohort, params
from nextsem.files import whole_files

TABLE = "data/raw/simulated.csv"


def main() -> None:
    simulate = params.load().simulate
    with whole_files() as place, place(TABLE).open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(cohort.blocks(simulate.students, simulate.seed)):
            block.to_csv(file, header=number == 0, index=False, lineterminator="\n")
    print(f"{TABLE}: {simulate.students} simulated students")


if __name__ == "__main__":
    main()
