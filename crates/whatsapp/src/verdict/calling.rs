//! Codes of calls. They are never repeated by themselves: a call is of its moment.

use super::WhoseMove::{Customer, Meta, Nobody, Organization};
use super::row::Rule::{Ask, GiveUp};
use super::row::{Row, row, rows};

pub(super) static ROWS: &[Row] = &[
    row(
        138_000,
        Ask,
        Organization,
        "Calls are turned off for this number. Turn them on in its settings.",
        "Las llamadas están desactivadas en este número. Actívalas en su configuración.",
    ),
    row(
        138_001,
        GiveUp,
        Customer,
        "This person can't be called: their app is too old, or they do not take calls from businesses. Write instead.",
        "No se puede llamar a esta persona: su app es muy antigua, o no recibe llamadas de empresas. Escríbele.",
    ),
    row(
        138_002,
        Ask,
        Organization,
        "The number has as many calls at the same time as Meta allows. Call again when one has ended.",
        "El número tiene tantas llamadas a la vez como Meta permite. Llama de nuevo cuando termine alguna.",
    ),
    row(138_003, GiveUp, Nobody, "There is a call with this person already.", "Ya hay una llamada con esta persona."),
    row(
        138_004,
        Ask,
        Organization,
        "The call's connection could not be made. Call again; if it goes on, the network or the call's settings are at \
         fault.",
        "No se pudo establecer la conexión de la llamada. Llama de nuevo; si continúa, falla la red o la configuración \
         de llamadas.",
    ),
    row(
        138_005,
        Ask,
        Organization,
        "The number has made too many calls in a short time. Call again later.",
        "El número hizo demasiadas llamadas en poco tiempo. Llama más tarde.",
    ),
    row(
        138_006,
        Ask,
        Customer,
        "This person has not allowed the business to call. Ask for permission with a message first.",
        "Esta persona no permitió que el negocio la llame. Pide permiso primero con un mensaje.",
    ),
    row(
        138_007,
        Ask,
        Customer,
        "The call was not set up in time. Call again.",
        "La llamada no se estableció a tiempo. Llama de nuevo.",
    ),
    row(
        138_009,
        Ask,
        Organization,
        "This person was asked for permission to call too often. Wait, or let them call.",
        "A esta persona se le pidió permiso para llamar demasiadas veces. Espera, o deja que llame ella.",
    ),
    row(
        138_012,
        Ask,
        Organization,
        "The business has called this person as often as Meta allows for now. Call again later, or write.",
        "El negocio llamó a esta persona tantas veces como Meta permite por ahora. Llama más tarde, o escríbele.",
    ),
    row(
        138_018,
        Ask,
        Organization,
        "Calls can't be turned on for this number: it does not fulfil what Meta asks for. Its details say what.",
        "No se pueden activar las llamadas en este número: no cumple lo que Meta exige. Sus detalles dicen qué.",
    ),
    rows(
        138_000,
        138_018,
        Ask,
        Meta,
        "Meta could not make the call, or change it. Its details say why.",
        "Meta no pudo hacer la llamada, o cambiarla. Sus detalles dicen por qué.",
    ),
];
