//! Breadth first through every state there is, so that the first violation found is the shortest.

use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;
use std::time::Instant;

use indexmap::IndexSet;
use rustc_hash::FxHasher;

use crate::violation::Violation;
use crate::world::{Next, Protocol, Stage, Step, World, WorldOf};

type States<W> = IndexSet<W, BuildHasherDefault<FxHasher>>;

/// What a search went through, and what it found.
pub(crate) struct Visit {
    pub(crate) states: usize,
    /// How many steps the farthest state is away from the start.
    pub(crate) depth: usize,
    pub(crate) seconds: f64,
    /// Whether states were left because there were more than allowed.
    pub(crate) cut_off: bool,
    /// The shortest way to each violation, in words.
    pub(crate) found: BTreeMap<Violation, Found>,
}

/// A violation.
pub(crate) struct Found {
    /// How many states had been seen by then.
    pub(crate) after: usize,
    pub(crate) trace: Vec<String>,
}

/// How far to search.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_states: usize,
    /// Whether to end at the first violation.
    pub(crate) stop_at_first: bool,
}

struct Graph<W> {
    states: States<W>,
    /// The state each was first reached from.
    parents: Vec<u32>,
    /// Where the edges of each state begin. Only steps that have to happen: it is by these that a quiet
    /// state must be in reach.
    offsets: Vec<usize>,
    edges: Vec<u32>,
    quiet: Vec<u32>,
}

/// Visits every state of `stage`.
pub(crate) fn search<P: Protocol>(stage: &mut Stage<P>, limits: Limits) -> Visit {
    let begun = Instant::now();
    let mut graph = Graph {
        states: States::default(),
        parents: vec![0],
        offsets: vec![0],
        edges: Vec::new(),
        quiet: Vec::new(),
    };
    let mut found: BTreeMap<Violation, Found> = BTreeMap::new();
    graph.states.insert(stage.start());
    let (mut depth, mut level_ends, mut cut_off) = (0, 1, false);
    let mut next: Vec<Next<WorldOf<P>>> = Vec::new();
    let mut at = 0;
    while at < graph.states.len() {
        if at == level_ends {
            depth += 1;
            level_ends = graph.states.len();
        }
        let world = graph.states[at];
        if stage.is_quiet(&world) {
            graph.quiet.push(at as u32);
        }
        next.clear();
        stage.next(&world, &mut next);
        for Next { step, world: after, broken } in &next {
            let (index, new) = graph.states.insert_full(*after);
            if new {
                graph.parents.push(at as u32);
            }
            if !step.may_never_be() {
                graph.edges.push(index as u32);
            }
            let violation = broken.or_else(|| if new { stage.judge(after) } else { None });
            if let Some(violation) = violation
                && !found.contains_key(&violation)
            {
                let trace = trace(stage, &graph, at, Some((*step, *after)));
                found.insert(violation, Found { after: graph.states.len(), trace });
            }
        }
        graph.offsets.push(graph.edges.len());
        if limits.stop_at_first && !found.is_empty() {
            break;
        }
        if graph.states.len() > limits.max_states {
            cut_off = true;
            break;
        }
        at += 1;
    }
    if found.is_empty()
        && !cut_off
        && let Some(stuck) = never_quiet(&graph)
    {
        let trace = trace(stage, &graph, stuck, None);
        found.insert(Violation::NeverQuiet, Found { after: graph.states.len(), trace });
    }
    Visit { states: graph.states.len(), depth, seconds: begun.elapsed().as_secs_f64(), cut_off, found }
}

/// The first state from which no quiet state is in reach. Backwards from the quiet states; edges mostly lead
/// on, so that few passes from the end to the start see everything.
fn never_quiet<W>(graph: &Graph<W>) -> Option<usize> {
    let mut reaches = vec![false; graph.states.len()];
    for &quiet in &graph.quiet {
        reaches[quiet as usize] = true;
    }
    let mut changed = true;
    while changed {
        changed = false;
        for state in (0..reaches.len()).rev() {
            let edges = &graph.edges[graph.offsets[state]..graph.offsets[state + 1]];
            if !reaches[state] && edges.iter().any(|edge| reaches[*edge as usize]) {
                reaches[state] = true;
                changed = true;
            }
        }
    }
    reaches.iter().position(|reaches| !reaches)
}

/// The way to the state at `index`, and one step on, in words.
fn trace<P: Protocol>(
    stage: &mut Stage<P>,
    graph: &Graph<WorldOf<P>>,
    index: usize,
    last: Option<(Step, WorldOf<P>)>,
) -> Vec<String> {
    let mut path = vec![index];
    while let Some(&state) = path.last()
        && state != 0
    {
        path.push(graph.parents[state] as usize);
    }
    path.reverse();
    let mut lines = Vec::new();
    for pair in path.windows(2) {
        let (before, after) = (graph.states[pair[0]], graph.states[pair[1]]);
        let mut next = Vec::new();
        stage.next(&before, &mut next);
        if let Some(taken) = next.iter().find(|next| next.world == after) {
            lines.push(tell(stage, taken.step, &before, &after));
        }
    }
    if let Some((step, after)) = last {
        lines.push(tell(stage, step, &graph.states[index], &after));
    }
    lines
}

/// One step in words, and what it changed in the database.
fn tell<P: Protocol>(
    stage: &Stage<P>,
    step: Step,
    before: &World<P::Database, P::Handler>,
    after: &World<P::Database, P::Handler>,
) -> String {
    let words = crate::tell::step(stage, step, before, after);
    if before.database == after.database {
        return words;
    }
    format!("{words}\n        {}", stage.protocol.tell_database(after.database))
}
