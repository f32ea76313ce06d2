"""The command line of the campaigns."""

import argparse
import time

from tests.campaigns import Budget, run, seed_of_the_day

CAMPAIGNS = ("kill", "cancel", "faults", "fuzz", "soak")
DEFAULT_SECONDS = {"soak": 600.0}


def main() -> None:
    """Run a campaign, and print what it has seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--seed", type=int, default=seed_of_the_day(), help="that of another day")
    parser.add_argument("--seconds", type=float, help="for how long (default: 60, or 600 for soak)")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--only", type=int, help="the number of the one round to run again")
    given = parser.parse_args()
    seconds = given.seconds
    if seconds is None and given.rounds is None:
        seconds = DEFAULT_SECONDS.get(given.campaign, 60.0)
    print(f"{given.campaign}: seed {given.seed}", flush=True)
    begun = time.monotonic()
    seen = run(given.campaign, Budget(given.seed, given.rounds, seconds, given.only))
    for name, count in sorted(seen.items()):
        print(f"{count:>8,}  {name}")
    print(f"nothing was lost or left in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
