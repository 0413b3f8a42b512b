//! The transition table: which command is legal in which state. One screen, nothing elsewhere.

use super::kind::words;

words!(
    /// The name of a state in the life of a change.
    StateName, "state", {
        /// Being written.
        Draft = "draft",
        /// Submitted, facts being gathered.
        Assessing = "assessing",
        /// Required authorities have not all decided.
        AwaitingApproval = "awaiting_approval",
        /// May be implemented within its window, once conditions are met.
        Approved = "approved",
        /// A runner works through the plan.
        Implementing = "implementing",
        /// The runner is gone.
        Interrupted = "interrupted",
        /// The plan is done; soak and checks run.
        Validating = "validating",
        /// Validated, waiting to be closed.
        Implemented = "implemented",
        /// Undo steps run.
        RollingBack = "rolling_back",
        /// Undone.
        RolledBack = "rolled_back",
        /// Could not be undone.
        Failed = "failed",
        /// Final: ended and documented.
        Closed = "closed",
        /// Final: refused before it started.
        Rejected = "rejected",
        /// Final: given up before it started.
        Cancelled = "cancelled",
    }
);

words!(
    /// The name of a command.
    CommandName, "command", {
        /// Submit a draft.
        Submit = "submit",
        /// Replace the content; approvals become void.
        Amend = "amend",
        /// Add a remark.
        Comment = "comment",
        /// Record the assessment and what it requires.
        RecordAssessment = "record_assessment",
        /// Approve automatically.
        PreApprove = "pre_approve",
        /// Ask the authorities.
        RequestApproval = "request_approval",
        /// Give an authority's approval.
        Approve = "approve",
        /// Refuse as an authority.
        Reject = "reject",
        /// Take back one's own approval.
        WithdrawApproval = "withdraw_approval",
        /// Record the evidence that a condition is met.
        SatisfyCondition = "satisfy_condition",
        /// Override what was decided automatically.
        Override = "override",
        /// Give up before the start.
        Cancel = "cancel",
        /// Record what came of a rehearsal.
        Rehearse = "rehearse",
        /// Begin to implement.
        Start = "start",
        /// Take over from a runner that is gone, or begin to roll back without one.
        TakeOver = "take_over",
        /// Report what a runner observed.
        Observe = "observe",
        /// Ask the runner to pause.
        Pause = "pause",
        /// Ask the runner to go on.
        Resume = "resume",
        /// Decide about a step that waits for a person.
        DecideStep = "decide_step",
        /// Report that the plan is done.
        Finish = "finish",
        /// Report that the runner is gone.
        Interrupt = "interrupt",
        /// Record the result of validation.
        Validate = "validate",
        /// Take the change back.
        RollBack = "roll_back",
        /// End and document.
        Close = "close",
        /// Add a review.
        Review = "review",
        /// Link an incident.
        LinkIncident = "link_incident",
        /// A deadline has passed.
        Expire = "expire",
    }
);

impl CommandName {
    /// The states in which the command is legal. Creating is not listed: it is legal only where no change exists.
    ///
    /// What was rejected automatically can be put to the authorities again by the one above them; nothing else leads out of
    /// a final state. Reviews look back, so they begin when the plan is done or the change has ended. Deadlines pass wherever one may
    /// run, the one of an emergency's retrospective review also while the plan runs.
    pub fn legal_in(self) -> &'static [StateName] {
        use StateName::{
            Approved, Assessing, AwaitingApproval, Cancelled, Closed, Draft, Failed, Implemented,
            Implementing, Interrupted, Rejected, RolledBack, RollingBack, Validating,
        };
        match self {
            Self::Submit => &[Draft],
            Self::Amend => &[Draft, AwaitingApproval, Approved],
            Self::Comment | Self::LinkIncident => StateName::ALL,
            Self::RecordAssessment | Self::PreApprove | Self::RequestApproval => &[Assessing],
            Self::Approve | Self::Reject => &[AwaitingApproval],
            Self::WithdrawApproval | Self::SatisfyCondition => &[AwaitingApproval, Approved],
            Self::Override => &[AwaitingApproval, Approved, Rejected],
            Self::Cancel => &[Draft, Assessing, AwaitingApproval, Approved],
            Self::Rehearse => &[Draft, Assessing, AwaitingApproval, Approved],
            Self::Start => &[Approved],
            Self::TakeOver => &[Interrupted, RollingBack],
            Self::Observe | Self::Interrupt => &[Implementing, RollingBack],
            Self::DecideStep => &[Implementing, Validating, RollingBack],
            Self::Pause | Self::Resume | Self::Finish => &[Implementing],
            Self::Validate => &[Validating],
            Self::RollBack => &[Implementing, Interrupted, Validating, Implemented, Failed],
            Self::Close => &[Implemented, RolledBack, Failed],
            Self::Review => &[Validating, Implemented, RolledBack, Failed, Closed, Rejected, Cancelled],
            Self::Expire => &[
                Assessing,
                AwaitingApproval,
                Approved,
                Implementing,
                Interrupted,
                Validating,
                Implemented,
                RollingBack,
                RolledBack,
                Failed,
                Closed,
            ],
        }
    }

    /// Whether the command is legal in `state`.
    pub fn is_legal_in(self, state: StateName) -> bool {
        self.legal_in().contains(&state)
    }
}

impl StateName {
    /// Whether the life of the change is over. Reviews and comments may still be added, and an automatic rejection can be
    /// overridden.
    pub fn is_final(self) -> bool {
        match self {
            Self::Closed | Self::Rejected | Self::Cancelled => true,
            Self::Draft
            | Self::Assessing
            | Self::AwaitingApproval
            | Self::Approved
            | Self::Implementing
            | Self::Interrupted
            | Self::Validating
            | Self::Implemented
            | Self::RollingBack
            | Self::RolledBack
            | Self::Failed => false,
        }
    }
}
