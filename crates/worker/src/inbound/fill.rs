//! How a batch is shared among the lanes that have something waiting.

/// Gives every lane the same share, and what small lanes leave to the larger ones (max-min fairness): a backlog of one
/// organization fills the batch only as far as the others leave room. Answers a quota a lane.
pub(super) fn fill(waiting: &[u32], batch: u32) -> Vec<u32> {
    let mut quotas = vec![0; waiting.len()];
    let mut order: Vec<usize> = (0..waiting.len()).filter(|lane| waiting[*lane] > 0).collect();
    order.sort_by_key(|lane| waiting[*lane]);
    let mut left = batch;
    for (nth, lane) in order.iter().enumerate() {
        let sharers = u32::try_from(order.len() - nth).expect("lanes are few");
        // Rounded up: a batch smaller than the number of lanes still serves someone.
        let share = left.div_ceil(sharers);
        quotas[*lane] = waiting[*lane].min(share);
        left -= quotas[*lane].min(left);
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn small_lanes_are_served_whole() {
        assert_eq!(fill(&[1000, 3, 0, 5], 100), [92, 3, 0, 5]);
    }

    #[test]
    fn equals_share_equally() {
        assert_eq!(fill(&[1000, 1000], 100), [50, 50]);
    }

    #[test]
    fn a_batch_is_never_overfilled_nor_left_half_empty() {
        for batch in [1, 7, 250] {
            for waiting in [vec![1; 32], vec![0, 900, 2, 40], vec![5000; 3], vec![0; 4]] {
                let total: u32 = fill(&waiting, batch).iter().sum();
                assert_eq!(total, waiting.iter().sum::<u32>().min(batch), "{waiting:?} into {batch}");
            }
        }
    }
}
