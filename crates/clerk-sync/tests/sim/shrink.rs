//! From a plan that breaks a rule to the shortest that still does.

use crate::plan::{Item, Plan};

/// How many runs a search may take.
const MAX_RUNS: usize = 4_000;
/// How many schedules are tried for each smaller plan: what is taken away moves the choices of those left.
const SCHEDULES: u64 = 6;

/// Searches for a smaller plan, judged by `breaks`, which runs one and says whether the same rule breaks.
pub(crate) fn shrink(plan: &Plan, mut breaks: impl FnMut(&Plan) -> bool) -> (Plan, usize) {
    let mut search = Search { best: plan.clone(), runs: 0, breaks: &mut breaks };
    loop {
        let before = search.size();
        search.drop_faults();
        search.drop_items();
        search.simplify();
        search.bring_closer();
        if search.size() == before || search.runs >= MAX_RUNS {
            return (search.best, search.runs);
        }
    }
}

struct Search<'a> {
    best: Plan,
    runs: usize,
    breaks: &'a mut dyn FnMut(&Plan) -> bool,
}

impl Search<'_> {
    fn size(&self) -> (usize, usize, u64) {
        let time = self.best.items.iter().map(|item| item.at_ms).sum();
        (self.best.items.len(), self.best.faults.weakened().len(), time)
    }

    /// Keeps `smaller` if it breaks the rule too, under its own schedule or one of a few others.
    fn adopt(&mut self, smaller: &Plan) -> bool {
        if !smaller.is_possible() {
            return false;
        }
        for schedule in 0..SCHEDULES {
            if self.runs >= MAX_RUNS {
                return false;
            }
            self.runs += 1;
            let mut candidate = smaller.clone();
            candidate.schedule = candidate.schedule.wrapping_add(schedule);
            if (self.breaks)(&candidate) {
                self.best = candidate;
                return true;
            }
        }
        false
    }

    /// One class of faults after another.
    fn drop_faults(&mut self) {
        for (name, _) in self.best.faults.weakened() {
            let weaker = self.best.faults.weakened().into_iter().find(|(other, _)| *other == name);
            if let Some((_, faults)) = weaker {
                self.adopt(&Plan { faults, ..self.best.clone() });
            }
        }
    }

    /// Delta debugging: halves, quarters, and so on to single items.
    fn drop_items(&mut self) {
        let mut chunk = self.best.items.len().div_ceil(2);
        while chunk > 0 {
            let mut from = 0;
            while from < self.best.items.len() {
                let mut items: Vec<Item> = self.best.items.clone();
                items.drain(from..(from + chunk).min(items.len()));
                if !self.adopt(&Plan { items, ..self.best.clone() }) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }

    /// Settings that are odd for no reason.
    fn simplify(&mut self) {
        let plainer: [fn(&mut Plan); 8] = [
            |plan| plan.real_steps = false,
            |plan| plan.claims = false,
            |plan| plan.forgetful = false,
            |plan| plan.braked = false,
            |plan| plan.page_users = 500,
            |plan| plan.skews_ms = Default::default(),
            |plan| plan.grain_ms = 1,
            |plan| plan.batch = 32,
        ];
        for make_plainer in plainer {
            let mut plan = self.best.clone();
            make_plainer(&mut plan);
            if plan != self.best {
                self.adopt(&plan);
            }
        }
    }

    /// Moves each item, and those after it, as early as it may be.
    fn bring_closer(&mut self) {
        for index in 0..self.best.items.len() {
            let earliest = if index == 0 { 1 } else { self.best.items[index - 1].at_ms };
            let gap = self.best.items[index].at_ms.saturating_sub(earliest);
            if gap > 0 {
                let mut closer = self.best.clone();
                closer.items.iter_mut().skip(index).for_each(|item| item.at_ms -= gap);
                self.adopt(&closer);
            }
        }
    }
}
