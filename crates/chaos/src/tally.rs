//! What was done and what survived.

/// Counts over all trials, and every violation.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) server_kills: u32,
    pub(crate) runner_kills: u32,
    pub(crate) killed_at_work: u32,
    pub(crate) implemented: u32,
    pub(crate) rolled_back: u32,
    pub(crate) takeovers: u32,
    pub(crate) asked_people: u32,
    pub(crate) acknowledged: u64,
    pub(crate) verified: bool,
    pub(crate) lost: Vec<String>,
    pub(crate) limbo: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// Whether everything survived.
    pub(crate) fn is_clean(&self) -> bool {
        self.verified && self.lost.is_empty() && self.limbo.is_empty() && self.wrong.is_empty()
    }

    /// Prints the summary.
    pub(crate) fn print(&self) {
        println!("server kills                          {:>5}", self.server_kills);
        println!("runner kills                          {:>5}", self.runner_kills);
        println!("  of these while a step was under way {:>5}", self.killed_at_work);
        println!("changes carried out                   {:>5}", self.implemented);
        println!("changes rolled back                   {:>5}", self.rolled_back);
        println!("takeovers by another runner           {:>5}", self.takeovers);
        println!("unknown steps put to a person         {:>5}", self.asked_people);
        println!("acknowledged events compared          {:>5}", self.acknowledged);
        println!("acknowledged events lost              {:>5}", self.lost.len());
        println!("changes left in limbo                 {:>5}", self.limbo.len());
        println!("steps run twice, or not undone        {:>5}", self.wrong.len());
        println!("the log verifies                      {:>5}", if self.verified { "yes" } else { "NO" });
        for fault in self.lost.iter().chain(&self.limbo).chain(&self.wrong) {
            println!("  {fault}");
        }
    }
}
