//! From a question's typed facts to the engine's request and entities.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context as EngineContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression, Schema,
};
use domain::actor::Role;
use domain::id::{ActorId, ChangeId};

use crate::attributes::Attributes;
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
        read: &Attributes,
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
        read: &Attributes,
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

    fn change(&self, change: &ChangeResource, read: &Attributes) -> Values {
        let truth = RestrictedExpression::new_bool;
        let count = |count: u32| RestrictedExpression::new_long(count.into());
        let small = |number: u8| RestrictedExpression::new_long(number.into());
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let actor = |id: &ActorId| RestrictedExpression::new_entity_uid(self.actor_uid(id));
        let roles = |roles: &BTreeSet<Role>| {
            RestrictedExpression::new_set(roles.iter().map(|role| word(&self.role, role.as_str())))
        };
        let parties =
            || RestrictedExpression::new_set(change.parties.iter().chain([&change.requester]).map(actor));
        let services =
            || RestrictedExpression::new_set(change.services.iter().map(|name| text(name.as_str())));
        let compliance = || RestrictedExpression::new_set(change.compliance.iter().map(|scope| text(scope)));
        let environment = || change.environment.as_ref().map(|name| text(name.as_str()));
        let level = || change.level.map(|level| word(&self.level, level.as_str()));
        let reversibility = || change.reversibility.map(|class| word(&self.reversibility, class.as_str()));
        let mut values = Values::new();
        let mut put = |name: &str, value: &dyn Fn() -> Option<RestrictedExpression>| {
            if read.has(name) {
                values.extend(value().map(|value| owned((name, value))));
            }
        };
        put("change_type", &|| Some(word(&self.change_type, change.change_type.as_str())));
        put("category", &|| Some(word(&self.category, change.category.as_str())));
        put("state", &|| Some(word(&self.state, change.state.as_str())));
        put("requester", &|| Some(actor(&change.requester)));
        put("asked_by_agent", &|| Some(truth(change.asked_by_agent)));
        put("parties", &|| Some(parties()));
        put("services", &|| Some(services()));
        put("compliance", &|| Some(compliance()));
        put("approved_by", &|| Some(roles(&change.approved_by)));
        put("unknown_facts", &|| Some(truth(change.unknown_facts)));
        put("has_test_evidence", &|| Some(truth(change.has_test_evidence)));
        put("tests_passed", &|| Some(truth(change.tests_passed)));
        put("has_plan", &|| Some(truth(change.has_plan)));
        put("rehearsed", &|| Some(truth(change.rehearsed)));
        put("has_rollback_plan", &|| Some(truth(change.has_rollback_plan)));
        put("rollback_automated", &|| Some(truth(change.rollback_automated)));
        put("encryption_checked", &|| Some(truth(change.encryption_checked)));
        put("within_agent_budget", &|| Some(truth(change.within_agent_budget)));
        put("policy_findings", &|| Some(count(change.policy_findings)));
        put("approvals_outstanding", &|| Some(count(change.approvals_outstanding)));
        put("conditions_outstanding", &|| Some(count(change.conditions_outstanding)));
        put("digest_matches", &|| Some(truth(change.digest_matches)));
        put("window_open", &|| Some(truth(change.window_open)));
        put("validated", &|| Some(truth(change.validated)));
        put("emergency_authorised", &|| Some(truth(change.emergency_authorised)));
        put("runner_is_holder", &|| Some(truth(change.runner_is_holder)));
        put("stopped", &|| Some(truth(change.stopped)));
        put("in_freeze", &|| Some(truth(change.in_freeze)));
        put("outside_maintenance", &|| Some(truth(change.outside_maintenance)));
        put("in_conflict", &|| Some(truth(change.in_conflict)));
        put("withdrawn_since_assessed", &|| Some(truth(change.withdrawn_since_assessed)));
        put("environment", &environment);
        put("level", &level);
        put("score", &|| change.score.map(small));
        put("lowest_tier", &|| change.lowest_tier.map(small));
        put("reversibility", &reversibility);
        values
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
                let (_, entity) = vocabulary.resource(&resource, &Attributes::All).unwrap();
                let delegator = principal.delegator.as_ref().map(|it| vocabulary.delegator(it).unwrap());
                let entities = [vocabulary.principal(&principal).unwrap(), entity.unwrap()];
                Entities::from_entities(entities.into_iter().chain(delegator), Some(vocabulary.schema()))
                    .unwrap();
            }
        }
    }
}
