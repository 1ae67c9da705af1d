//! One copier at a time: whoever has the copy says so every few seconds, in the row that each of its transactions changes.
//! So it holds behind a pooler, and whoever lost it writes no more. The time is the database's own: copiers may be anywhere.

use std::time::Duration;

use crate::table::quoted;

/// A copier that says nothing for so long has ended.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// How often it says that it is there while there is nothing to write.
pub(crate) const SIGN: Duration = Duration::from_secs(5);

/// Takes a copy for a holder (`$2`) if nobody has it, or whoever has it is to lose it (`$3`).
pub(crate) fn take(schema: &str) -> String {
    format!(
        "UPDATE {}.sync SET holder = $2, held_until = now() + interval '{} seconds'
         WHERE organization_id = $1 AND (holder IS NULL OR holder = $2 OR held_until < now() OR $3) RETURNING holder",
        quoted(schema),
        LEASE.as_secs()
    )
}

/// Says that a holder (`$2`) is there.
pub(crate) fn sign(schema: &str) -> String {
    format!(
        "UPDATE {}.sync SET held_until = now() + interval '{} seconds' WHERE organization_id = $1 AND holder = $2
         RETURNING holder",
        quoted(schema),
        LEASE.as_secs()
    )
}

/// Lets go of it.
pub(crate) fn let_go(schema: &str) -> String {
    format!(
        "UPDATE {}.sync SET holder = NULL, held_until = NULL WHERE organization_id = $1 AND holder = $2",
        quoted(schema)
    )
}

/// How far a copy is; `$2`: after so many seconds everything is read again.
pub(crate) fn read(schema: &str) -> String {
    format!(
        "SELECT cursor, walk_stage, walk_page, walk_below, walk_again,
                coalesce(walked_at < now() - make_interval(secs => $2), true) AS is_due
         FROM {}.sync WHERE organization_id = $1",
        quoted(schema)
    )
}

/// Moves it on, for its holder (`$2`) alone. `$8`: everything was read just now.
pub(crate) fn go_on(schema: &str) -> String {
    format!(
        "UPDATE {}.sync SET cursor = $3, walk_stage = $4, walk_page = $5, walk_below = $6, walk_again = $7,
                walked_at = CASE WHEN $8 THEN now() ELSE walked_at END, updated_at = now(),
                held_until = now() + interval '{} seconds'
         WHERE organization_id = $1 AND holder = $2 RETURNING holder",
        quoted(schema),
        LEASE.as_secs()
    )
}
