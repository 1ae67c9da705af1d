//! What calls to Meta brought, as people are told.

use model::trouble::{Answer, Trouble, WhoseMove, Words};
use whatsapp::graph::{Failure, MetaError, NotSent};
use whatsapp::verdict::{self, Explanation};

/// What to do, in every language.
pub(crate) fn words(explanation: &Explanation) -> Words {
    Words::new(explanation.en, explanation.es)
}

/// Whose move it is.
pub(crate) fn whose_move(explanation: &Explanation) -> WhoseMove {
    match explanation.whose_move {
        verdict::WhoseMove::Operator => WhoseMove::Operator,
        verdict::WhoseMove::Organization => WhoseMove::Organization,
        verdict::WhoseMove::Customer => WhoseMove::Customer,
        verdict::WhoseMove::Meta => WhoseMove::Meta,
        verdict::WhoseMove::Nobody => WhoseMove::Nobody,
    }
}

/// Why a message was not sent, or may not have been.
pub(crate) fn of_send(failure: &Failure) -> Trouble {
    let advice = words(failure.explanation());
    match failure {
        Failure::Refused(error) => refused(error),
        Failure::NotSent(_) => Trouble::not_sent(failure, advice),
        Failure::Unknown(_) => Trouble::no_complete_answer(failure, advice),
    }
}

/// Why something could not be read, which changes nothing and is asked again.
pub(crate) fn of_reading(failure: &Failure) -> Trouble {
    match failure {
        Failure::Refused(error) => refused(error),
        Failure::NotSent(NotSent::Malformed(_)) => Trouble::not_sent(failure, words(failure.explanation())),
        Failure::NotSent(NotSent::NoConnection(_)) | Failure::Unknown(_) => Trouble::unanswered(failure),
    }
}

fn refused(error: &MetaError) -> Trouble {
    let answer = Answer {
        code: error.code,
        subcode: error.subcode,
        title: error.user_title.as_ref().unwrap_or(&error.message).clone(),
        message: error.message.clone(),
        details: error.details.as_ref().or(error.user_message.as_ref()).cloned(),
        kind: error.kind.clone(),
        http_status: error.http,
        fbtrace_id: error.fbtrace_id.clone(),
    };
    Trouble::answered(answer, words(error.explanation()))
}
