"""Results: what an action comes to for a contact, and what the journal keeps of it.

Pure. A result is the outcome and the detail of the journal's row; effects look at the rows whose
outcome says that something is to be done. Imports the language, `audience.values` and the tables.
"""

from sqlalchemy import ColumnElement, case, cast, func, literal, null
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.values import Scope, Sql, points_in
from headless.dsl import ast
from headless.runtime.effects.channels import no_owner
from headless.runtime.effects.companies import company_of
from headless.runtime.effects.contact import column_of
from headless.runtime.effects.stored import column_value, stored
from headless.runtime.stands import number
from headless.storage.codes import Outcome
from headless.workspace.names import BUILT_IN_FIELDS

_NOTHING = cast(null(), JSONB)
_DONE = number(Outcome.DONE)


def result(action: ast.Simple, scope: Scope) -> tuple[Sql, Sql]:
    """The outcome and the detail of an action; `scope` reads the contacts as they were before."""
    match action:
        case ast.SendSlack(to=ast.ToOwner()):
            missing = "the owner has no Slack account"
            return unless(no_owner(scope, "slack_id", missing), Outcome.SENT)
        case ast.SendSlack() | ast.SendWebhook() | ast.PushTo():
            return number(Outcome.SENT), _NOTHING
        case ast.Note(text=note):
            return _DONE, func.jsonb_build_object("note", literal(note))
        case ast.AddPoints(company=True) | ast.RemovePoints(company=True):
            return _of_company(scope)
        case ast.SetField(field=ast.Field(scope="company")):
            return _of_company(scope)
        case ast.ClearField(field=ast.Field(scope="company")):
            return _of_company(scope)
        case ast.AddPoints(group=ast.Name(text=group), points=amount):
            return _DONE, _moved(points_in(group, scope), amount)
        case ast.RemovePoints(group=ast.Name(text=group), points=amount):
            return _DONE, _moved(points_in(group, scope), -amount)
        case ast.Unsubscribe(because=str(because)):
            return _DONE, func.jsonb_build_object("reason", literal(because))
        case _:
            return _DONE, _change(action, scope)


def unless(reason: Sql, outcome: Outcome) -> tuple[Sql, Sql]:
    """Skipped with a reason where there is one, else the outcome."""
    done = case((reason.is_(None), number(outcome)), else_=number(Outcome.SKIPPED))
    return done, case((reason.is_not(None), func.jsonb_build_object("reason", reason)))


def _of_company(scope: Scope) -> tuple[Sql, Sql]:
    return unless(case((company_of(scope).is_(None), literal("no company"))), Outcome.DONE)


def _moved(before: Sql, change: int) -> Sql:
    return func.jsonb_build_object("from", before, "to", before + change)


def _change(action: ast.Simple, scope: Scope) -> Sql:
    """A change of the contact's own row: what it was and what it becomes."""
    contact = scope.contact.c
    match action:
        case ast.SetStage(stage=name):
            return _from_to(contact.stage, literal(name.text))
        case ast.SetOwner(owners=(owner,)):
            return _from_to(contact.owner, literal(owner.text))
        case ast.SetField(field=field, value=value) if field.name in BUILT_IN_FIELDS:
            column = column_of(field)
            return _from_to(contact[column], column_value(column, contact[column], value, scope))
        case ast.ClearField(field=field) if field.name in BUILT_IN_FIELDS:
            return _from_to(contact[column_of(field)], _NOTHING)
        case ast.SetField(field=field, value=value):
            made = stored(value, scope.names.field(field.name), scope)
            return _from_to(contact.fields[field.name], made)
        case ast.ClearField(field=field):
            return _from_to(contact.fields[field.name], _NOTHING)
        case _:
            return _NOTHING


def _from_to(before: ColumnElement[object], after: Sql) -> Sql:
    return func.jsonb_build_object("from", before, "to", after)
