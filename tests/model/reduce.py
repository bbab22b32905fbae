"""A story that fails, made smaller while it still fails: what is left is what matters."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import msgspec
from model.agreement import read
from model.story import Changes, Does, Joins, Person, Story

from headless.dsl import ast
from headless.dsl.flow import bodies
from headless.dsl.format import canonical

Fails = Callable[[Story], Awaitable[bool]]


async def reduced(story: Story, fails: Fails, *, most: int = 150) -> Story:
    """The smallest story that still fails, as far as `most` attempts find it."""
    attempts = 0
    again = True
    while again:
        again = False
        for smaller in _smaller(story):
            attempts += 1
            if attempts > most:
                return story
            if await fails(smaller):
                story, again = smaller, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    """Stories that lack one thing, the largest first."""
    for index in range(len(story.people)):
        if len(story.people) > 1:
            yield _alone(story, _without(story.people, index))
    campaign = read(story.text)
    for steps in _less(campaign.steps):
        if steps:
            yield replace(story, text=canonical(msgspec.structs.replace(campaign, steps=steps)))
    for index in range(len(campaign.settings)):
        settings = _without(campaign.settings, index)
        yield replace(story, text=canonical(msgspec.structs.replace(campaign, settings=settings)))
    for index in range(len(story.happenings)):
        yield replace(story, happenings=_without(story.happenings, index))


def _alone(story: Story, people: tuple[Person, ...]) -> Story:
    """The story without those who are no longer in it."""
    names, found = {person.name for person in people}, []
    for happening in story.happenings:
        match happening:
            case Does(who=tuple(who)) | Joins(who=tuple(who)):
                left = tuple(name for name in who if name in names)
                found += [replace(happening, who=left)] if left else []
            case Changes(who=who):
                found += [happening] if who in names else []
            case _:
                found.append(happening)
    return replace(story, people=people, happenings=tuple(found))


def _without(several: tuple, index: int) -> tuple:  # type: ignore[type-arg]  # of anything
    return (*several[:index], *several[index + 1 :])


def _less(steps: tuple[ast.Step, ...]) -> Iterator[tuple[ast.Step, ...]]:
    for index, step in enumerate(steps):
        yield _without(steps, index)
        for body in bodies(step):
            yield (*steps[:index], *body.steps, *steps[index + 1 :])
        for inner in _inside(step):
            yield (*steps[:index], inner, *steps[index + 1 :])


def _inside(step: ast.Step) -> Iterator[ast.Step]:
    """The step with one of its bodies made smaller."""
    change = msgspec.structs.replace
    match step:
        case (
            ast.When(branches=branches, otherwise=otherwise)
            | ast.If(branches=branches, otherwise=otherwise)
        ):
            if otherwise is not None:
                yield change(step, otherwise=None)
                for block in _blocks(otherwise):
                    yield change(step, otherwise=block)
            for index, branch in enumerate(branches):
                if len(branches) > 1:
                    yield change(step, branches=_without(branches, index))
                for block in _blocks(branch.body):
                    new = change(branch, body=block)
                    yield change(step, branches=(*branches[:index], new, *branches[index + 1 :]))
        case ast.Parallel(parts=parts):
            for index, part in enumerate(parts):
                for block in _blocks(part):
                    yield change(step, parts=(*parts[:index], block, *parts[index + 1 :]))
        case ast.Whenever(body=body) | ast.Repeat(body=body) | ast.Every(body=body):
            for block in _blocks(body):
                yield change(step, body=block)


def _blocks(block: ast.Block) -> Iterator[ast.Block]:
    for steps in _less(block.steps):
        if steps:
            yield ast.Block(steps=steps)
