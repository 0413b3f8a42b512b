//! Kubernetes objects, from manifests or from a cluster, as configuration items.
//!
//! An object's id is `Kind/namespace/name`, where what has no namespace is under `default`. An image's id is
//! `image:registry/name`; its tags are attributes, so that a new tag is not a new item.
//!
//! A relation is stated by the one that fails with the other: a workload by its ConfigMap, a Service by the workload it
//! selects, the caller by the Service it calls, a workload by the policy that cuts it off. Relations are hard, but soft
//! where the manifest says `optional: true`, where the name of a variable tells that it is for telemetry
//! (see [`names`]), for autoscalers and disruption budgets, and for what an Argo CD application consists of.
//!
//! Values of secrets, variables and configuration are looked at for the names of Services and then dropped.

mod argo;
mod controlled;
mod edges;
mod facts;
mod images;
mod kinds;
mod names;
mod object;
mod pods;
mod policies;
mod read;
mod routes;
mod selector;
mod storage;
mod world;

use domain::cmdb::SourceName;

pub(super) use kinds::{Asked, asked};
pub(super) use object::{NotAnObject, Object};

use super::Imported;
use super::draft::Drafts;
use super::files::SourceFile;
use edges::Edges;
use world::World;

/// Reads manifests.
pub(super) fn read(source: &SourceName, files: &[SourceFile], imported: &mut Imported) {
    let mut objects = Vec::new();
    for file in files {
        objects.extend(read::objects(file, imported));
    }
    describe(source, objects, imported);
}

/// Describes objects, wherever they are from.
pub(super) fn describe(source: &SourceName, objects: Vec<Object>, imported: &mut Imported) {
    let world = World::new(objects);
    let mut drafts = Drafts::default();
    for object in world.objects() {
        let draft = facts::describe(object, imported);
        drafts.add(draft, imported);
    }
    let mut edges = Edges::default();
    for object in world.latest() {
        pods::relate(&world, object, &mut edges);
        routes::relate(&world, object, &mut edges);
        policies::relate(&world, object, &mut edges);
        storage::relate(object, &mut edges);
        argo::relate(&world, object, &mut edges);
        controlled::relate_owners(&world, object, &mut edges);
    }
    pods::relate_unread_configuration(&world, &mut edges);
    controlled::relate_hosts(&world, &mut edges);
    imported.skipped.controlled += world.controlled_count();
    edges.apply(&mut drafts, imported);
    drafts.finish(source, imported);
}
