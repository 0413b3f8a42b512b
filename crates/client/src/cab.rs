//! The change advisory board.

use api::Page;
use api::cab::{
    Agenda, Board, CastVote, Meeting, OpenMeeting, ProposeStanding, RevokeStanding, SetBoard, Standing,
    StandingTold,
};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Shows the board.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn cab(&self) -> Result<Board, ClientError> {
        self.get(&["cab"]).answer().await
    }

    /// Settles who is on it and when it meets.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn set_cab(&self, request: &SetBoard) -> Result<Board, ClientError> {
        self.post(&["cab"]).json(request).answer().await
    }

    /// Shows what the next meeting decides.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn cab_agenda(&self) -> Result<Agenda, ClientError> {
        self.get(&["cab", "agenda"]).answer().await
    }

    /// Opens a meeting.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn open_cab_meeting(&self, request: &OpenMeeting) -> Result<Meeting, ClientError> {
        self.post(&["cab", "meetings"]).json(request).answer().await
    }

    /// Votes on an item of the open meeting.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn cast_cab_vote(&self, request: &CastVote) -> Result<Meeting, ClientError> {
        self.post(&["cab", "votes"]).json(request).answer().await
    }

    /// Closes the open meeting.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn close_cab_meeting(&self, id: &str) -> Result<Meeting, ClientError> {
        self.post(&["cab", "meetings", id, "close"]).answer().await
    }

    /// Shows a meeting with its minutes.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn cab_meeting(&self, id: &str) -> Result<Meeting, ClientError> {
        self.get(&["cab", "meetings", id]).answer().await
    }

    /// Lists the standing decisions and those proposed.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn standing_decisions(&self) -> Result<Page<Standing>, ClientError> {
        self.get(&["cab", "standing"]).answer().await
    }

    /// Proposes a standing decision.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn propose_standing(&self, request: &ProposeStanding) -> Result<StandingTold, ClientError> {
        self.post(&["cab", "standing"]).json(request).answer().await
    }

    /// Supports one.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn support_standing(&self, id: &str) -> Result<StandingTold, ClientError> {
        self.post(&["cab", "standing", id, "support"]).answer().await
    }

    /// Revokes one.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn revoke_standing(
        &self,
        id: &str,
        request: &RevokeStanding,
    ) -> Result<StandingTold, ClientError> {
        self.post(&["cab", "standing", id, "revoke"]).json(request).answer().await
    }
}
