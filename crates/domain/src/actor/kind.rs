//! Kinds of actor, roles and token scopes.

use crate::change::kind::words;

words!(
    /// What an actor is.
    ActorKind, "actor kind", {
        /// A person.
        Human = "human",
        /// An autonomous program that decides for itself; has a human owner.
        Agent = "agent",
        /// A pipeline or other program that follows a script; has a human owner.
        Service = "service",
    }
);

words!(
    /// What an actor may be asked to do. Every active actor may request changes.
    Role, "role", {
        /// Asks for changes.
        Requester = "requester",
        /// Implements approved changes: runs their plans.
        Implementer = "implementer",
        /// Approves medium risk; joins the CAB for high risk.
        TechnicalLead = "technical_lead",
        /// Member of the change advisory board.
        CabMember = "cab_member",
        /// Chief information security officer.
        Ciso = "ciso",
        /// Chief technology officer.
        Cto = "cto",
        /// Answers for protected health information: the security official of 45 CFR 164.308(a)(2).
        HipaaAuthority = "hipaa_authority",
        /// On-call member of the emergency CAB.
        EcabMember = "ecab_member",
        /// Steers changes through their life: may cancel, pause and close any change.
        ChangeManager = "change_manager",
        /// Reads everything, changes nothing.
        Auditor = "auditor",
        /// Manages actors, tokens and the service catalogue.
        Administrator = "administrator",
    }
);

words!(
    /// What a token may be used for; an actor's roles limit it further.
    Scope, "token scope", {
        /// Read changes, incidents and the catalogue.
        Read = "read",
        /// Create, amend, comment, cancel.
        Request = "request",
        /// Approve, reject, withdraw an approval, review.
        Approve = "approve",
        /// Start, progress, pause, resume, roll back, validate, close.
        Implement = "implement",
        /// Read the audit log.
        Audit = "audit",
        /// Report alerts.
        Alerts = "alerts",
        /// Read the calendar, as a feed.
        Calendar = "calendar",
        /// Manage actors, tokens and the catalogue.
        Admin = "admin",
    }
);

impl Role {
    /// Whether the role decides as a change authority. Such a decision is a human gate.
    pub fn is_authority(self) -> bool {
        match self {
            Self::TechnicalLead
            | Self::CabMember
            | Self::Ciso
            | Self::Cto
            | Self::HipaaAuthority
            | Self::EcabMember => true,
            Self::Requester
            | Self::Implementer
            | Self::ChangeManager
            | Self::Auditor
            | Self::Administrator => false,
        }
    }

    /// The authority that may decide too when this one lets its time run out. Nobody is above the CTO; an emergency
    /// stays with the e-CAB, which has somebody on call, and health information with whom HIPAA makes answer for it.
    pub fn authority_above(self) -> Option<Self> {
        match self {
            Self::TechnicalLead => Some(Self::CabMember),
            Self::CabMember | Self::Ciso => Some(Self::Cto),
            Self::Cto
            | Self::HipaaAuthority
            | Self::EcabMember
            | Self::Requester
            | Self::Implementer
            | Self::ChangeManager
            | Self::Auditor
            | Self::Administrator => None,
        }
    }
}
