//! From a question's typed facts to the engine's request and entities.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context as EngineContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression, Schema,
};
use domain::id::{ActorId, ChangeId, ServiceName};

use crate::error::LoadError;
use crate::question::{ChangeResource, Context, Delegator, Principal, Question, Resource};
use crate::shipped::SCHEMA;

/// Why a question could not be put to the engine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DoesNotFit(String);

impl DoesNotFit {
    fn because(error: impl std::error::Error) -> Self {
        Self(error.to_string())
    }
}

type Values = HashMap<String, RestrictedExpression>;

/// An attribute of a change.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// What policies call it.
    pub name: &'static str,
    /// What it is; nothing where it is not known.
    make: fn(&Vocabulary, &ChangeResource) -> Option<RestrictedExpression>,
}

/// Every attribute that a change may have.
pub(crate) static CHANGE_ATTRIBUTES: [Attribute; 37] = [
    attribute("change_type", |it, change| Some(word(&it.change_type, change.change_type.as_str()))),
    attribute("category", |it, change| Some(word(&it.category, change.category.as_str()))),
    attribute("state", |it, change| Some(word(&it.state, change.state.as_str()))),
    attribute("requester", |it, change| Some(it.actor_ref(&change.requester))),
    attribute("asked_by_agent", |_, change| truth(change.asked_by_agent)),
    attribute("parties", |it, change| {
        let parties = change.parties.iter().chain([&change.requester]);
        Some(RestrictedExpression::new_set(parties.map(|id| it.actor_ref(id))))
    }),
    attribute("services", |_, change| texts(change.services.iter().map(ServiceName::as_str))),
    attribute("compliance", |_, change| texts(change.compliance.iter().map(String::as_str))),
    attribute("approved_by", |it, change| {
        let roles = change.approved_by.iter().map(|role| word(&it.role, role.as_str()));
        Some(RestrictedExpression::new_set(roles))
    }),
    attribute("unknown_facts", |_, change| truth(change.unknown_facts)),
    attribute("has_test_evidence", |_, change| truth(change.has_test_evidence)),
    attribute("tests_passed", |_, change| truth(change.tests_passed)),
    attribute("has_plan", |_, change| truth(change.has_plan)),
    attribute("rehearsed", |_, change| truth(change.rehearsed)),
    attribute("has_rollback_plan", |_, change| truth(change.has_rollback_plan)),
    attribute("rollback_automated", |_, change| truth(change.rollback_automated)),
    attribute("encryption_checked", |_, change| truth(change.encryption_checked)),
    attribute("within_agent_budget", |_, change| truth(change.within_agent_budget)),
    attribute("policy_findings", |_, change| number(change.policy_findings)),
    attribute("approvals_outstanding", |_, change| number(change.approvals_outstanding)),
    attribute("conditions_outstanding", |_, change| number(change.conditions_outstanding)),
    attribute("digest_matches", |_, change| truth(change.digest_matches)),
    attribute("window_open", |_, change| truth(change.window_open)),
    attribute("goes_back", |_, change| truth(change.goes_back)),
    attribute("validated", |_, change| truth(change.validated)),
    attribute("emergency_authorised", |_, change| truth(change.emergency_authorised)),
    attribute("runner_is_holder", |_, change| truth(change.runner_is_holder)),
    attribute("stopped", |_, change| truth(change.stopped)),
    attribute("in_freeze", |_, change| truth(change.in_freeze)),
    attribute("outside_maintenance", |_, change| truth(change.outside_maintenance)),
    attribute("in_conflict", |_, change| truth(change.in_conflict)),
    attribute("withdrawn_since_assessed", |_, change| truth(change.withdrawn_since_assessed)),
    attribute("environment", |_, change| {
        let environment = change.environment.as_ref()?;
        Some(RestrictedExpression::new_string(environment.as_str().to_owned()))
    }),
    attribute("level", |it, change| Some(word(&it.level, change.level?.as_str()))),
    attribute("score", |_, change| number(change.score?)),
    attribute("lowest_tier", |_, change| number(change.lowest_tier?)),
    attribute("reversibility", |it, change| Some(word(&it.reversibility, change.reversibility?.as_str()))),
];

const fn attribute(
    name: &'static str,
    make: fn(&Vocabulary, &ChangeResource) -> Option<RestrictedExpression>,
) -> Attribute {
    Attribute { name, make }
}

#[expect(clippy::unnecessary_wraps, reason = "an attribute that is always known, like those that may not be")]
fn truth(value: bool) -> Option<RestrictedExpression> {
    Some(RestrictedExpression::new_bool(value))
}

#[expect(clippy::unnecessary_wraps, reason = "an attribute that is always known, like those that may not be")]
fn number(value: impl Into<i64>) -> Option<RestrictedExpression> {
    Some(RestrictedExpression::new_long(value.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "an attribute that is always known, like those that may not be")]
fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Option<RestrictedExpression> {
    let texts = texts.map(|text| RestrictedExpression::new_string(text.to_owned()));
    Some(RestrictedExpression::new_set(texts))
}

/// The schema and the names of its entity types, parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    schema: Schema,
    account: EntityTypeName,
    action: EntityTypeName,
    actor: EntityTypeName,
    cmdb: EntityTypeName,
    category: EntityTypeName,
    change: EntityTypeName,
    change_type: EntityTypeName,
    finding: EntityTypeName,
    incident: EntityTypeName,
    kind: EntityTypeName,
    level: EntityTypeName,
    log: EntityTypeName,
    outcome: EntityTypeName,
    reversibility: EntityTypeName,
    role: EntityTypeName,
    scope: EntityTypeName,
    state: EntityTypeName,
    system: EntityTypeName,
    team: EntityTypeName,
}

impl Vocabulary {
    pub(crate) fn shipped() -> Result<Self, LoadError> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA.text).map_err(|error| SCHEMA.syntax(&error))?;
        let name = |name: &str| name.parse::<EntityTypeName>().map_err(|errors| SCHEMA.syntax(&errors));
        Ok(Self {
            schema,
            account: name("Account")?,
            action: name("Action")?,
            actor: name("Actor")?,
            cmdb: name("Cmdb")?,
            category: name("Category")?,
            change: name("Change")?,
            change_type: name("ChangeType")?,
            finding: name("Finding")?,
            incident: name("Incident")?,
            kind: name("Kind")?,
            level: name("Level")?,
            log: name("Log")?,
            outcome: name("Outcome")?,
            reversibility: name("Reversibility")?,
            role: name("Role")?,
            scope: name("Scope")?,
            state: name("State")?,
            system: name("System")?,
            team: name("Team")?,
        })
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The question as the engine takes it, with the facts of principal and resource, of a change only those that will
    /// be `read`. The request is checked against the schema, so that an action on the wrong kind of resource is an error;
    /// facts are right by construction, which a test checks.
    pub(crate) fn put(
        &self,
        question: &Question<'_>,
        read: &[&Attribute],
    ) -> Result<(Request, Entities), DoesNotFit> {
        let Question { principal, action, resource, context } = *question;
        let (resource, resource_entity) = self.resource(resource, read)?;
        let delegator = principal.delegator.as_ref().map(|other| self.delegator(other)).transpose()?;
        let entities = std::iter::once(self.principal(principal)?).chain(resource_entity).chain(delegator);
        // Adding to no entities finds the ancestors in a third of the time that building anew takes.
        let entities = Entities::empty().add_entities(entities, None).map_err(DoesNotFit::because)?;
        let (principal, action) = (self.actor_uid(&principal.id), uid(&self.action, action.as_str()));
        let request = Request::new(principal, action, resource, self.context(context)?, Some(&self.schema));
        Ok((request.map_err(DoesNotFit::because)?, entities))
    }

    fn principal(&self, principal: &Principal) -> Result<Entity, DoesNotFit> {
        let mut attributes = Values::from(
            [
                ("kind", word(&self.kind, principal.kind.as_str())),
                ("active", RestrictedExpression::new_bool(principal.active)),
                ("delegated", RestrictedExpression::new_bool(principal.delegated)),
            ]
            .map(owned),
        );
        attributes.extend(self.owner(principal.owner.as_ref()));
        let delegator = principal.delegator.as_ref();
        attributes.extend(delegator.map(|other| {
            owned(("delegator", RestrictedExpression::new_entity_uid(self.actor_uid(&other.id))))
        }));
        let roles = principal.roles.iter().map(|role| uid(&self.role, role.as_str()));
        let scopes = principal.scopes.iter().map(|scope| uid(&self.scope, scope.as_str()));
        let teams = principal.teams.iter().map(|team| uid(&self.team, team.as_str()));
        let parents = roles.chain(scopes).chain(teams).collect();
        Entity::new(self.actor_uid(&principal.id), attributes, parents).map_err(DoesNotFit::because)
    }

    fn delegator(&self, delegator: &Delegator) -> Result<Entity, DoesNotFit> {
        let attributes = Values::from(
            [
                ("kind", word(&self.kind, delegator.kind.as_str())),
                ("active", RestrictedExpression::new_bool(delegator.active)),
                ("delegated", RestrictedExpression::new_bool(false)),
                ("lends", RestrictedExpression::new_bool(delegator.lends)),
            ]
            .map(owned),
        );
        let roles = delegator.roles.iter().map(|role| uid(&self.role, role.as_str())).collect();
        Entity::new(self.actor_uid(&delegator.id), attributes, roles).map_err(DoesNotFit::because)
    }

    /// The resource's identifier, and its entity where it has attributes.
    fn resource(
        &self,
        resource: &Resource,
        read: &[&Attribute],
    ) -> Result<(EntityUid, Option<Entity>), DoesNotFit> {
        let (uid, attributes) = match resource {
            Resource::Change(change) => (self.change_uid(change.id), self.change(change, read)),
            Resource::Incident(incident) => {
                let change =
                    incident.change.map(|id| RestrictedExpression::new_entity_uid(self.change_uid(id)));
                let attributes = change.map(|change| owned(("change", change))).into_iter().collect();
                (uid(&self.incident, &incident.id.to_string()), attributes)
            }
            Resource::Actor(actor) => {
                let itself = RestrictedExpression::new_entity_uid(self.actor_uid(&actor.id));
                let mut attributes = Values::from([owned(("actor", itself))]);
                attributes.extend(self.owner(actor.owner.as_ref()));
                (uid(&self.account, actor.id.as_str()), attributes)
            }
            Resource::Cmdb => return Ok((uid(&self.cmdb, "cmdb"), None)),
            Resource::Log => return Ok((uid(&self.log, "log"), None)),
            Resource::System => return Ok((uid(&self.system, "system"), None)),
        };
        let entity = Entity::new(uid.clone(), attributes, HashSet::new()).map_err(DoesNotFit::because)?;
        Ok((uid, Some(entity)))
    }

    fn change(&self, change: &ChangeResource, read: &[&Attribute]) -> Values {
        let known = |attribute: &&Attribute| Some(owned((attribute.name, (attribute.make)(self, change)?)));
        read.iter().filter_map(known).collect()
    }

    fn actor_ref(&self, id: &ActorId) -> RestrictedExpression {
        RestrictedExpression::new_entity_uid(self.actor_uid(id))
    }

    fn context(&self, context: Context) -> Result<EngineContext, DoesNotFit> {
        let number = |number: u32| RestrictedExpression::new_long(number.into());
        let optional = [
            ("authority", context.authority.map(|role| word(&self.role, role.as_str()))),
            ("outcome", context.outcome.map(|outcome| word(&self.outcome, outcome.as_str()))),
            ("finding", context.finding.map(|finding| word(&self.finding, finding.as_str()))),
            ("changes_left_this_hour", context.budget_left.map(|left| number(left.changes_this_hour))),
            ("open_changes_left", context.budget_left.map(|left| number(left.open_changes))),
            ("links_without_a_person", context.chain.map(|chain| number(chain.links_without_a_person))),
            ("alike_before", context.chain.map(|chain| number(chain.alike_before))),
            ("board_member", context.board_member.map(RestrictedExpression::new_bool)),
            ("on_call", context.on_call.map(RestrictedExpression::new_bool)),
            ("emergency_debt", context.emergency_debt.map(number)),
        ];
        EngineContext::from_pairs(known(optional)).map_err(DoesNotFit::because)
    }

    fn owner(&self, owner: Option<&ActorId>) -> Option<(String, RestrictedExpression)> {
        owner.map(|owner| owned(("owner", RestrictedExpression::new_entity_uid(self.actor_uid(owner)))))
    }

    fn actor_uid(&self, id: &ActorId) -> EntityUid {
        uid(&self.actor, id.as_str())
    }

    fn change_uid(&self, id: ChangeId) -> EntityUid {
        uid(&self.change, &id.to_string())
    }
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

fn word(of: &EntityTypeName, word: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(of, word))
}

fn owned((name, value): (&str, RestrictedExpression)) -> (String, RestrictedExpression) {
    (name.to_owned(), value)
}

/// The attributes that have a value.
fn known<const N: usize>(
    optional: [(&str, Option<RestrictedExpression>); N],
) -> impl Iterator<Item = (String, RestrictedExpression)> {
    optional.map(|(name, value)| value.map(|value| owned((name, value)))).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::change::{Category, ChangeType, StateName};
    use domain::plan::Reversibility;
    use domain::risk::Level;

    use super::*;
    use crate::question::{ActorResource, IncidentResource, PrincipalKind};

    fn actor(id: &str) -> ActorId {
        ActorId::new(id).unwrap()
    }

    fn change(known: bool) -> ChangeResource {
        ChangeResource {
            id: "CHG-2026-000001".parse().unwrap(),
            change_type: ChangeType::Normal,
            category: Category::Deployment,
            state: StateName::Approved,
            requester: actor("act_ann"),
            asked_by_agent: known,
            parties: BTreeSet::new(),
            services: BTreeSet::from(["shop".parse().unwrap()]),
            environment: known.then(|| "production".parse().unwrap()),
            compliance: known.then(|| "PHI".to_owned()).into_iter().collect(),
            level: known.then_some(Level::Low),
            score: known.then_some(100),
            lowest_tier: known.then_some(3),
            unknown_facts: !known,
            has_test_evidence: known,
            tests_passed: known,
            has_plan: known,
            reversibility: known.then_some(Reversibility::Irreversible),
            rehearsed: known,
            has_rollback_plan: known,
            rollback_automated: known,
            encryption_checked: known,
            within_agent_budget: known,
            policy_findings: u32::MAX,
            approvals_outstanding: 1,
            approved_by: known.then_some(domain::actor::Role::Ciso).into_iter().collect(),
            conditions_outstanding: 1,
            digest_matches: known,
            window_open: known,
            validated: known,
            emergency_authorised: known,
            runner_is_holder: known,
            stopped: known,
            in_freeze: known,
            outside_maintenance: known,
            in_conflict: known,
            withdrawn_since_assessed: known,
            goes_back: known,
        }
    }

    /// Decisions build entities without checking them against the schema, because that would cost more than deciding.
    #[test]
    fn entities_fit_the_schema_whichever_facts_are_known() {
        let vocabulary = Vocabulary::shipped().unwrap();
        for known in [false, true] {
            let owner = known.then(|| actor("act_ann"));
            let mut principal = Principal::system();
            principal.owner = owner.clone();
            principal.roles = domain::actor::Role::ALL.iter().copied().collect();
            principal.teams = BTreeSet::from(["platform".parse().unwrap()]);
            principal.delegator = known.then(|| Delegator {
                id: actor("act_bea"),
                kind: PrincipalKind::Human,
                roles: domain::actor::Role::ALL.iter().copied().collect(),
                active: known,
                lends: known,
            });
            let incident = "INC-2026-000001".parse().unwrap();
            let resources = [
                Resource::Change(Box::new(change(known))),
                Resource::Incident(IncidentResource {
                    id: incident,
                    change: known.then(|| change(known).id),
                }),
                Resource::Actor(ActorResource { id: actor("act_bot"), owner }),
            ];
            for resource in resources {
                let every: Vec<_> = CHANGE_ATTRIBUTES.iter().collect();
                let (_, entity) = vocabulary.resource(&resource, &every).unwrap();
                let delegator = principal.delegator.as_ref().map(|it| vocabulary.delegator(it).unwrap());
                let entities = [vocabulary.principal(&principal).unwrap(), entity.unwrap()];
                Entities::from_entities(entities.into_iter().chain(delegator), Some(vocabulary.schema()))
                    .unwrap();
            }
        }
    }
}
