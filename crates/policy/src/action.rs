//! What may be asked for.

use std::fmt;

use domain::change::{ChangeType, CommandName};

/// Declares the actions: an enum with `ALL` and `as_str`.
macro_rules! actions {
    ($($(#[$meta:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// What a principal wants to do. Every action is declared in the schema under the same word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$meta])* $variant,)+
        }

        impl Action {
            /// Every action, in the order of a change's life.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in policies and refusals.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

actions!(
    /// Create a change. Asked of the system, because the change does not exist yet.
    Create = "create",
    /// Create a change for the actor that is the resource.
    ActOnBehalf = "act_on_behalf",
    /// Read anything but the audit log.
    Read = "read",
    /// Submit a draft.
    Submit = "submit",
    /// Replace the content of a change.
    Amend = "amend",
    /// Remark on a change.
    Comment = "comment",
    /// Give a change up before its start.
    Cancel = "cancel",
    /// Record an assessment. The system's own.
    Assess = "assess",
    /// Approve without a person. The system's own.
    PreApprove = "pre_approve",
    /// Ask the authorities. The system's own.
    RequestApproval = "request_approval",
    /// Approve as an authority.
    Approve = "approve",
    /// Refuse as an authority.
    Reject = "reject",
    /// Take back one's own approval.
    WithdrawApproval = "withdraw_approval",
    /// Record the evidence that an approver's condition is met.
    SatisfyCondition = "satisfy_condition",
    /// Override what was decided automatically, as the authority above those who would decide.
    OverrideDecision = "override_decision",
    /// Authorise an emergency change at once; asked instead of `approve` when the change is an emergency.
    AuthoriseEmergency = "authorise_emergency",
    /// Record what came of a rehearsal.
    Rehearse = "rehearse",
    /// Begin to implement.
    Start = "start",
    /// Take over from a runner that is gone.
    TakeOver = "take_over",
    /// Report what the runner observed.
    Progress = "progress",
    /// Pause the runner.
    Pause = "pause",
    /// Let the runner go on.
    Resume = "resume",
    /// Decide at a manual or unknown step.
    ConfirmStep = "confirm_step",
    /// Report that the plan is done.
    Finish = "finish",
    /// Report that the runner is gone.
    Interrupt = "interrupt",
    /// Record the result of validation.
    Validate = "validate",
    /// Take the change back.
    Rollback = "rollback",
    /// End and document the change.
    Close = "close",
    /// Add a review.
    Review = "review",
    /// Record that a deadline has passed. The system's own.
    Expire = "expire",
    /// Report an incident. Asked of the system, whatever it is about.
    OpenIncident = "open_incident",
    /// Link an incident to a change.
    LinkIncident = "link_incident",
    /// Add to an incident or move it on.
    UpdateIncident = "update_incident",
    /// Read the audit log.
    ReadAudit = "read_audit",
    /// Create, change or deactivate an actor.
    ManageActors = "manage_actors",
    /// Lend the authority of the actor that is the resource to another person.
    DelegateAuthority = "delegate_authority",
    /// End a delegation of the actor that is the resource.
    EndDelegation = "end_delegation",
    /// Issue a token for an actor.
    IssueToken = "issue_token",
    /// Revoke a token of an actor.
    RevokeToken = "revoke_token",
    /// Describe configuration items, services among them, or withdraw them.
    EditCmdb = "edit_cmdb",
    /// Import changes that another system carried out. Asked of the system, because they are none of ours.
    ImportHistory = "import_history",
    /// Report alerts that fire or are resolved. Asked of the system.
    ReportAlerts = "report_alerts",
    /// Read the calendar as a feed. Asked of the system.
    ReadCalendar = "read_calendar",
    /// Train models of failure, and choose the one that is asked.
    ManageModels = "manage_models",
    /// See, send again and try out notifications. Asked of the system.
    ManageNotifications = "manage_notifications",
    /// Stop the line. Asked of the system, whatever the stop covers.
    StopLine = "stop_line",
    /// Lift a stop.
    LiftStop = "lift_stop",
    /// Add freezes and maintenance windows, or remove them. Asked of the system.
    ManageCalendar = "manage_calendar",
    /// Except a change from a freeze.
    OverrideFreeze = "override_freeze",
    /// Settle who is on the CAB and when it meets, and who of the e-CAB is on call. Asked of the system.
    ManageBoard = "manage_board",
    /// Open and close meetings of the CAB. Asked of the system.
    RunMeeting = "run_meeting",
    /// Vote on a change in a meeting of the CAB.
    Vote = "vote",
    /// Propose, support and revoke standing decisions of the CAB. Asked of the system.
    DecideStanding = "decide_standing",
    /// Take the CAB's approval of a change from a standing decision. The system's own.
    TakeStanding = "take_standing",
    /// Save a calibration of the judge of canaries. Asked of the system.
    Calibrate = "calibrate",
    /// Say that one is there as a runner, and what one works on. Asked of the system.
    AnnounceRunner = "announce_runner",
    /// Let a rollout give everybody the new version before a person has looked at it. The system's own, asked when it begins.
    PromoteUnattended = "promote_unattended",
);

impl Action {
    /// The action that a command on a change of this type is.
    pub fn of(command: CommandName, change_type: ChangeType) -> Self {
        match command {
            CommandName::Submit => Self::Submit,
            CommandName::Amend => Self::Amend,
            CommandName::Comment => Self::Comment,
            CommandName::RecordAssessment => Self::Assess,
            CommandName::PreApprove => Self::PreApprove,
            CommandName::RequestApproval => Self::RequestApproval,
            CommandName::Approve => match change_type {
                ChangeType::Standard | ChangeType::Normal => Self::Approve,
                ChangeType::Emergency => Self::AuthoriseEmergency,
            },
            CommandName::Reject => Self::Reject,
            CommandName::WithdrawApproval => Self::WithdrawApproval,
            CommandName::SatisfyCondition => Self::SatisfyCondition,
            CommandName::Override => Self::OverrideDecision,
            CommandName::Cancel => Self::Cancel,
            CommandName::Rehearse => Self::Rehearse,
            CommandName::Start => Self::Start,
            CommandName::TakeOver => Self::TakeOver,
            CommandName::Observe => Self::Progress,
            CommandName::Pause => Self::Pause,
            CommandName::Resume => Self::Resume,
            CommandName::DecideStep => Self::ConfirmStep,
            CommandName::Finish => Self::Finish,
            CommandName::Interrupt => Self::Interrupt,
            CommandName::Validate => Self::Validate,
            CommandName::RollBack => Self::Rollback,
            CommandName::Close => Self::Close,
            CommandName::Review => Self::Review,
            CommandName::LinkIncident => Self::LinkIncident,
            CommandName::Expire => Self::Expire,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
