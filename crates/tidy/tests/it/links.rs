use anyhow::Result;
use tidy::rules::links::links_resolve;

use crate::check;

const GUIDE: (&str, &str) =
    ("docs/guide.md", "# The `Guide`, in short\n\n## Twice\n\n## Twice\n\n[up](../README.md#start)\n");

#[test]
fn links_that_lead_somewhere_pass() -> Result<()> {
    let readme = "# Start\n[a](docs/guide.md) [b](docs) [c](./docs/guide.md#the-guide-in-short) [d](#start)\n\
                  [e](docs/guide.md#twice-1) [f](https://example.org/none.md) [g](/docs/guide.md) [h][ref]\n\n\
                  [ref]: docs/guide.md#twice\n\n`[code](none.md)`\n";
    check(links_resolve, &[("README.md", readme), GUIDE], &[])
}

#[test]
fn links_that_lead_nowhere_are_found() -> Result<()> {
    let readme = "# Other\n[a](docs/none.md)\n![b](docs/none.png)\n\n[c](docs/guide.md#thrice)\n[d](#start)\n\
                  [e](../outside.md)\n[f][ref]\n\n[ref]: none\n";
    let expected = [
        "README.md:2: `docs/none.md` leads to",
        "README.md:3: `docs/none.png` leads to",
        "README.md:5: `docs/guide.md` has no heading `#thrice`",
        "README.md:6: `README.md` has no heading `#start`",
        "README.md:7: `../outside.md` leads to `../outside.md`",
        "README.md:8: `none` leads to",
        "docs/guide.md:7: `README.md` has no heading `#start`",
    ];
    check(links_resolve, &[("README.md", readme), GUIDE], &expected)
}
