//! Actors and their tokens.

use api::Page;
use api::actor::{
    Actor, BudgetStanding, Caller, IssueToken, IssuedToken, RegisterActor, SetBudget, Token, UpdateActor,
};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Who the server takes us for.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn whoami(&self) -> Result<Caller, ClientError> {
        self.get(&["whoami"]).answer().await
    }

    /// One page of the list of actors: the first one, or the one that begins at `cursor`.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_actors(
        &self,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Actor>, ClientError> {
        self.get(&["actors"])
            .query("cursor", cursor)
            .query("limit", limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// Registers an actor.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn register_actor(&self, request: &RegisterActor) -> Result<Actor, ClientError> {
        self.post(&["actors"]).json(request).answer().await
    }

    /// Reads an actor.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn actor(&self, id: &str) -> Result<Actor, ClientError> {
        self.get(&["actors", id]).answer().await
    }

    /// Changes an actor.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn update_actor(&self, id: &str, update: &UpdateActor) -> Result<Actor, ClientError> {
        self.patch(&["actors", id]).json(update).answer().await
    }

    /// Reads how an agent stands: its record, its budget, and what it has used of it.
    ///
    /// # Errors
    /// When the actor is no agent, or the server refuses or does not answer.
    pub async fn budget(&self, actor: &str) -> Result<BudgetStanding, ClientError> {
        self.get(&["actors", actor, "budget"]).answer().await
    }

    /// Sets an agent's budget, or leaves it to its record again.
    ///
    /// # Errors
    /// When the actor is no agent, or the server refuses or does not answer.
    pub async fn set_budget(&self, actor: &str, set: &SetBudget) -> Result<BudgetStanding, ClientError> {
        self.put(&["actors", actor, "budget"]).json(set).answer().await
    }

    /// Lists an actor's tokens, without their secrets.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_tokens(&self, actor: &str) -> Result<Page<Token>, ClientError> {
        self.get(&["actors", actor, "tokens"]).answer().await
    }

    /// Issues a token. Its secret is in this answer only.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn issue_token(&self, actor: &str, request: &IssueToken) -> Result<IssuedToken, ClientError> {
        self.post(&["actors", actor, "tokens"]).json(request).answer().await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn revoke_token(&self, actor: &str, token_id: &str) -> Result<(), ClientError> {
        self.delete(&["actors", actor, "tokens", token_id]).done().await
    }
}
