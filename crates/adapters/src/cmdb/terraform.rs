//! State of Terraform or OpenTofu, version 4: managed resources and what they depend on.
//!
//! An address is unique only within one state, so an item's id is the source's name, a slash and the address with its
//! index in brackets: `terraform:network/module.a.aws_subnet.b[0]`. States hold secrets in clear text: of a resource's
//! attributes only those on a short list are looked at, none that the state marks as sensitive, and none at all of
//! resources that are secrets themselves.

use std::collections::BTreeMap;

use domain::catalog::Strength;
use domain::cmdb::{CiType, RelationType, SourceName};
use domain::id::{CiName, EnvironmentName};
use domain::text::FreeText;

use super::draft::{Draft, Drafts, Place};
use super::files::SourceFile;
use super::node::{self, Node};
use super::{Imported, marks};

const VERSION: &str = "4";
/// Attributes that tell what a resource is and never hold a secret, except where the resource is one.
const ATTRIBUTES: [&str; 12] = [
    "id",
    "name",
    "arn",
    "region",
    "location",
    "zone",
    "availability_zone",
    "instance_type",
    "machine_type",
    "engine",
    "engine_version",
    "runtime",
];
/// Parts of the types of resources whose attributes are never looked at.
const SECRET_PARTS: [&str; 7] =
    ["secret", "password", "private_key", "access_key", "token", "credential", "ssm_parameter"];
/// Providers whose resources exist in the state alone.
const HELPERS: [&str; 7] = ["random_", "null_", "time_", "tls_", "local_", "terraform_", "external"];
/// Which type of item a resource is, by the first part that its type contains.
const TYPES: [(&str, CiType); 49] = [
    ("secret", CiType::Secret),
    ("ssm_parameter", CiType::Configuration),
    ("config_map", CiType::Configuration),
    ("iam", CiType::Identity),
    ("service_account", CiType::Identity),
    ("role_assignment", CiType::Identity),
    ("node_group", CiType::Cluster),
    ("node_pool", CiType::Cluster),
    ("lambda", CiType::Function),
    ("cloudfunctions", CiType::Function),
    ("function_app", CiType::Function),
    ("db_instance", CiType::Database),
    ("rds_", CiType::Database),
    ("sql_", CiType::Database),
    ("postgresql", CiType::Database),
    ("mysql", CiType::Database),
    ("dynamodb", CiType::Database),
    ("elasticache", CiType::Database),
    ("redis", CiType::Database),
    ("mongo", CiType::Database),
    ("cosmosdb", CiType::Database),
    ("bigquery", CiType::Database),
    ("sqs", CiType::Queue),
    ("sns", CiType::Queue),
    ("pubsub", CiType::Queue),
    ("kinesis", CiType::Queue),
    ("kafka", CiType::Queue),
    ("servicebus", CiType::Queue),
    ("eks_cluster", CiType::Cluster),
    ("ecs_cluster", CiType::Cluster),
    ("container_cluster", CiType::Cluster),
    ("kubernetes_cluster", CiType::Cluster),
    ("kubernetes_namespace", CiType::Namespace),
    ("project", CiType::Namespace),
    ("api_gateway", CiType::Endpoint),
    ("ecs_service", CiType::Workload),
    ("deployment", CiType::Workload),
    ("_record", CiType::Endpoint),
    ("dns", CiType::Endpoint),
    ("_lb", CiType::Endpoint),
    ("_alb", CiType::Endpoint),
    ("_elb", CiType::Endpoint),
    ("forwarding_rule", CiType::Endpoint),
    ("bucket", CiType::Storage),
    ("volume", CiType::Storage),
    ("disk", CiType::Storage),
    ("efs", CiType::Storage),
    ("instance", CiType::Host),
    ("virtual_machine", CiType::Host),
];
/// The same for what has no better word.
const LATER_TYPES: [(&str, CiType); 8] = [
    ("security_group", CiType::Network),
    ("firewall", CiType::Network),
    ("subnet", CiType::Network),
    ("vpc", CiType::Network),
    ("network", CiType::Network),
    ("route", CiType::Network),
    ("repository", CiType::Repository),
    ("storage", CiType::Storage),
];

/// One instance of a resource.
struct Instance<'a> {
    /// The address without indexes, as dependencies name it.
    plain: String,
    id: CiName,
    resource_type: &'a str,
    node: &'a Node,
}

/// Reads the resources of all states.
pub(super) fn read(source: &SourceName, files: &[SourceFile], imported: &mut Imported) {
    let mut drafts = Drafts::default();
    for file in files {
        match node::json(&file.text) {
            Ok(state) => state_of(source, &file.path, &state, &mut drafts, imported),
            Err(error) => {
                let next_step = "name a state as `terraform state pull` writes it";
                imported.report(Place::new(&file.path, error.line).problem(error.what, next_step));
            }
        }
    }
    drafts.finish(source, imported);
}

fn state_of(source: &SourceName, file: &str, state: &Node, drafts: &mut Drafts, imported: &mut Imported) {
    if state.text_at(&["version"]) != Some(VERSION) || state.get("resources").is_none() {
        let what = "not a state of version 4";
        imported.report(
            Place::new(file, state.line)
                .problem(what, "write it with `terraform state pull`; plans are no states"),
        );
        return;
    }
    let instances = instances(source, file, state, imported);
    let mut by_address: BTreeMap<&str, Vec<&CiName>> = BTreeMap::new();
    for instance in &instances {
        by_address.entry(&instance.plain).or_default().push(&instance.id);
    }
    for instance in &instances {
        let mut draft = describe(instance, file, imported);
        for dependency in instance.node.list_at(&["dependencies"]) {
            let Some(address) = dependency.text().filter(|address| is_item(address)) else { continue };
            let because = format!("dependencies (line {})", dependency.line);
            let known = by_address.get(address).cloned().unwrap_or_default();
            for id in &known {
                draft.relate(RelationType::DependsOn, (*id).clone(), Strength::Hard, &because);
            }
            if known.is_empty()
                && let Some(unknown) = id(source, address)
            {
                draft.relate(RelationType::DependsOn, unknown, Strength::Hard, &because);
            }
        }
        drafts.add(draft, imported);
    }
}

fn instances<'a>(
    source: &SourceName,
    file: &str,
    state: &'a Node,
    imported: &mut Imported,
) -> Vec<Instance<'a>> {
    let mut instances = Vec::new();
    for resource in state.list_at(&["resources"]) {
        let resource_type = resource.text_at(&["type"]).unwrap_or_default();
        let local = format!("{resource_type}.{}", resource.text_at(&["name"]).unwrap_or_default());
        let address = match resource.text_at(&["module"]) {
            Some(module) => format!("{module}.{local}"),
            None => local,
        };
        if resource.text_at(&["mode"]) != Some("managed") || is_helper(resource_type) {
            imported.skipped.no_item += 1;
            continue;
        }
        for node in resource.list_at(&["instances"]) {
            let address = match node.text_at(&["index_key"]) {
                Some(index) => format!("{address}[{index}]"),
                None => address.clone(),
            };
            match id(source, &address) {
                Some(id) => {
                    let plain = without_indexes(&address);
                    instances.push(Instance { plain, id, resource_type, node });
                }
                None => {
                    let what = "the address of a resource makes no id";
                    imported.report(Place::new(file, node.line).problem(what, "give it a shorter index"));
                }
            }
        }
    }
    instances
}

fn describe(instance: &Instance<'_>, file: &str, imported: &mut Imported) -> Draft {
    let place = Place::new(file, instance.node.line);
    let mut draft = Draft::new(instance.id.clone(), ci_type(instance.resource_type), place);
    draft.attribute("kind", instance.resource_type);
    let Some(attributes) = instance.node.get("attributes") else { return draft };
    if SECRET_PARTS.iter().any(|part| instance.resource_type.contains(part)) {
        return draft;
    }
    let sensitive = sensitive(instance.node);
    let open = |name: &str| attributes.get(name).filter(|_| !sensitive.contains(&name));
    for name in ATTRIBUTES {
        if let Some(value) = open(name).and_then(Node::text) {
            draft.attribute(name, value);
        }
    }
    for tags in ["tags", "labels"].into_iter().filter_map(open) {
        let tag = |words: &[&str]| {
            let mut entries = tags.entries().iter();
            entries
                .find(|(key, _)| words.contains(&key.text.to_lowercase().as_str()))
                .and_then(|(_, value)| value.text())
        };
        draft.owner =
            draft.owner.or_else(|| tag(&["owner", "team"]).and_then(|owner| FreeText::title(owner).ok()));
        draft.environment = draft
            .environment
            .or_else(|| tag(&["environment", "env"]).and_then(|name| EnvironmentName::new(name).ok()));
        marks::take(tags, &mut draft, imported);
    }
    draft
}

/// The attributes that the state marks as sensitive, with everything inside of them.
fn sensitive(instance: &Node) -> Vec<&str> {
    let paths = instance.list_at(&["sensitive_attributes"]).iter();
    // A path is a list of steps; its first step names the attribute.
    paths.filter_map(|path| path.list().first().unwrap_or(path).text_at(&["value"])).collect()
}

/// An id of the accepted characters; a foreign index may have others.
fn id(source: &SourceName, address: &str) -> Option<CiName> {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || "._-/:@+%~=[]".contains(c);
    let id: String = format!("{source}/{address}").chars().filter(|c| *c != '"').collect();
    CiName::new(id.chars().map(|c| if is_accepted(c) { c } else { '-' }).collect::<String>()).ok()
}

/// An address without what is in brackets.
fn without_indexes(address: &str) -> String {
    let mut depth = 0_usize;
    let keep = |c: &char| {
        depth += usize::from(*c == '[');
        let is_outside = depth == 0;
        depth -= usize::from(*c == ']' && depth > 0);
        is_outside
    };
    address.chars().filter(keep).collect()
}

/// Whether a dependency is an item: not what is only looked up, and no helper.
fn is_item(address: &str) -> bool {
    let mut rest = address;
    while let Some(inside) = rest.strip_prefix("module.").and_then(|inside| inside.split_once('.')) {
        rest = inside.1;
    }
    !rest.starts_with("data.") && !is_helper(rest)
}

fn is_helper(resource_type: &str) -> bool {
    HELPERS.iter().any(|helper| resource_type.starts_with(helper))
}

fn ci_type(resource_type: &str) -> CiType {
    let mut types = TYPES.iter().chain(&LATER_TYPES);
    types.find(|(part, _)| resource_type.contains(part)).map_or(CiType::Other, |(_, ci_type)| *ci_type)
}
