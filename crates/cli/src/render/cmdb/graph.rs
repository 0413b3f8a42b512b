//! The surroundings of an item: as a tree for people, and as the text of drawing programs.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use api::cmdb::{Graph, GraphEdge, GraphNode};

use crate::render::{Lines, cell, words};
use crate::shell::{Paint, plain};

/// What the branches of one direction are.
#[derive(Clone, Copy)]
enum Way {
    LeansOn,
    LeanedOnBy,
}

struct Tree<'a> {
    nodes: BTreeMap<&'a str, &'a GraphNode>,
    graph: &'a Graph,
    paint: Paint,
    seen: HashSet<&'a str>,
    lines: Lines,
}

/// A tree from the item in the middle. An item that is reached twice is drawn out once.
pub(crate) fn tree(graph: &Graph, paint: Paint) -> String {
    let nodes = graph.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut tree = Tree { nodes, graph, paint, seen: HashSet::new(), lines: Lines::default() };
    tree.lines.line(paint.strong(plain(&graph.id)));
    for (way, heading) in [(Way::LeansOn, "leans on"), (Way::LeanedOnBy, "leaned on by")] {
        tree.seen = HashSet::from([graph.id.as_str()]);
        if !tree.branches(&graph.id, way).is_empty() {
            tree.lines.line(paint.dim(heading));
            tree.draw(&graph.id, way, "");
        }
    }
    if graph.edges.is_empty() {
        tree.lines.line(paint.dim("nothing is known to lean on it, nor it on anything"));
    }
    tree.lines.into_text()
}

impl<'a> Tree<'a> {
    fn branches(&self, id: &str, way: Way) -> Vec<(&'a str, &'a GraphEdge)> {
        let graph: &'a Graph = self.graph;
        let ends = graph.edges.iter().map(|edge| match way {
            Way::LeansOn => (edge.from.as_str(), edge.to.as_str(), edge),
            Way::LeanedOnBy => (edge.to.as_str(), edge.from.as_str(), edge),
        });
        ends.filter(|(here, ..)| *here == id).map(|(_, there, edge)| (there, edge)).collect()
    }

    /// As deep as the graph is, which the server bounds.
    fn draw(&mut self, id: &str, way: Way, indent: &str) {
        let branches = self.branches(id, way);
        let last = branches.len().saturating_sub(1);
        for (at, (other, edge)) in branches.into_iter().enumerate() {
            let (branch, trunk) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let branch = if self.paint.unicode { branch } else { "|- " };
            let trunk = if self.paint.unicode { trunk } else { "   " };
            let is_new = self.seen.insert(other);
            let again = if is_new { "" } else { ", drawn already" };
            let line = format!("{indent}{branch}{}{again}", self.label(other, edge));
            self.lines.line(line);
            if is_new {
                self.draw(other, way, &format!("{indent}{trunk}"));
            }
        }
    }

    fn label(&self, id: &str, edge: &GraphEdge) -> String {
        let node = self.nodes.get(id);
        let tier = node.and_then(|node| node.tier).map_or_else(String::new, |tier| format!(", tier {tier}"));
        let is_described = node.is_some_and(|node| node.described);
        let unknown =
            if is_described { String::new() } else { format!(", {}", self.paint.caution("only named")) };
        let soft = if edge.strength == "soft" { ", soft" } else { "" };
        format!("{} ({}{soft}{tier}{unknown})", cell(id), words(&edge.relation_type))
    }
}

/// The graph in Graphviz's language: an arrow leads from an item to what it leans on.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut text = "digraph cmdb {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for node in &graph.nodes {
        let style = match (node.id == graph.id, node.described) {
            (true, _) => ", style=bold",
            (false, false) => ", style=dashed",
            (false, true) => "",
        };
        let (id, label) = (quoted(&node.id), quoted(&label(node)));
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "  {id} [label={label}{style}];");
    }
    for edge in &graph.edges {
        let style = if edge.strength == "soft" { ", style=dashed" } else { "" };
        let (from, to) = (quoted(&edge.from), quoted(&edge.to));
        let _infallible =
            writeln!(text, "  {from} -> {to} [label=\"{}\"{style}];", words(&edge.relation_type));
    }
    text.push_str("}\n");
    text
}

/// The graph as a Mermaid flowchart: an arrow leads from an item to what it leans on.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let places: BTreeMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    let mut text = "flowchart LR\n".to_owned();
    for (at, node) in graph.nodes.iter().enumerate() {
        let label = label(node).replace('"', "#quot;");
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "  n{at}[\"{label}\"]");
    }
    for edge in &graph.edges {
        if let (Some(from), Some(to)) = (places.get(edge.from.as_str()), places.get(edge.to.as_str())) {
            let arrow = if edge.strength == "soft" { "-.->" } else { "-->" };
            let _infallible = writeln!(text, "  n{from} {arrow}|{}| n{to}", words(&edge.relation_type));
        }
    }
    text
}

fn label(node: &GraphNode) -> String {
    let tier = node.tier.map_or_else(String::new, |tier| format!(" (tier {tier})"));
    format!("{}{tier}", cell(&node.id))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", cell(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let node = |id: &str, tier, described, depth| GraphNode {
            id: id.to_owned(),
            described,
            ci_type: described.then(|| "workload".to_owned()),
            tier,
            depth,
        };
        let edge = |from: &str, to: &str, relation_type: &str, strength: &str| GraphEdge {
            from: from.to_owned(),
            to: to.to_owned(),
            relation_type: relation_type.to_owned(),
            strength: strength.to_owned(),
        };
        Graph {
            id: "cart".to_owned(),
            direction: "both".to_owned(),
            depth: 3,
            nodes: vec![
                node("cart", Some(2), true, 0),
                node("db", Some(1), true, 1),
                node("host", None, false, 2),
                node("shop", Some(0), true, 1),
            ],
            edges: vec![
                edge("cart", "db", "connects_to", "hard"),
                edge("cart", "host", "runs_on", "hard"),
                edge("db", "host", "runs_on", "hard"),
                edge("host", "cart", "uses", "soft"),
                edge("shop", "cart", "depends_on", "soft"),
            ],
            cut: false,
        }
    }

    #[test]
    fn a_tree_ends_although_the_graph_runs_in_circles() {
        let expected = "cart\nleans on\n├─ db (connects to, tier 1)\n│  └─ host (runs on, only named)\n\
                        │     └─ cart (uses, soft, tier 2), drawn already\n└─ host (runs on, only named), drawn already\n\
                        leaned on by\n├─ host (uses, soft, only named)\n\
                        │  ├─ cart (runs on, tier 2), drawn already\n│  └─ db (runs on, tier 1)\n\
                        │     └─ cart (connects to, tier 2), drawn already\n└─ shop (depends on, soft, tier 0)\n";
        assert_eq!(tree(&graph(), Paint::without_color(true)), expected);
        assert!(tree(&graph(), Paint::without_color(false)).is_ascii());
    }

    #[test]
    fn drawing_programs_get_every_item_and_relation_once() {
        let dot = dot(&graph());
        assert!(dot.contains("  \"host\" [label=\"host\", style=dashed];\n"), "{dot}");
        assert!(dot.contains("  \"shop\" -> \"cart\" [label=\"depends on\", style=dashed];\n"), "{dot}");
        let mermaid = mermaid(&graph());
        assert!(mermaid.starts_with("flowchart LR\n  n0[\"cart (tier 2)\"]\n"), "{mermaid}");
        assert!(mermaid.contains("  n3 -.->|depends on| n0\n"), "{mermaid}");
        for text in [dot, mermaid] {
            assert_eq!(text.lines().filter(|line| line.contains("->")).count(), 5, "{text}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        let mut graph = graph();
        graph.nodes[0].id = "a\"];b\\".to_owned();
        assert!(dot(&graph).contains(r#""a\"];b\\" ["#));
        assert!(mermaid(&graph).contains("n0[\"a#quot;];b\\ (tier 2)\"]"));
    }
}
