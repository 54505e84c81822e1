"""What `callrouter mail-check` says: whether letters can leave, and what is to be mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.domain.mail_records import Code, Finding
    from callrouter.wording.catalogue import Words

FOUND: Final[Mapping[Code, str]] = {
    "mx": mark("MX: answers to {domain} come to {hosts}."),
    "no_mx": mark(
        "MX: {domain} takes no mail, so answers and returned letters get lost. Add an MX record, "
        "or set letters.sender to an address that takes mail."
    ),
    "spf": mark("SPF: {domain} says who may send for it: {text}"),
    "no_spf": mark(
        "SPF: {domain} does not say who may send for it. Add a TXT record as your mail provider "
        "gives it, for example: v=spf1 include:_spf.your-provider.example ~all"
    ),
    "many_spf": mark("SPF: {domain} has {n} records, so none counts. Join them into one."),
    "spf_all": mark("SPF: the record of {domain} has no end: {text}. Add ~all to it."),
    "spf_open": mark(
        "SPF: the record of {domain} lets everybody send for it: {text}. Let it end with ~all."
    ),
    "spf_long": mark(
        "SPF: the record of {domain} needs {n} look-ups, and more than 10 count as an error. "
        "Take out what is not used any more."
    ),
    "dkim": mark("DKIM: there is a key at {name}."),
    "no_dkim": mark(
        "DKIM: no key of {domain} was found under the usual names. Let your mail provider sign, "
        "and publish its key; if it has a name of its own, say it: --selector NAME"
    ),
    "dkim_gone": mark("DKIM: the key at {name} was taken back; take the record away."),
    "dkim_weak": mark(
        "DKIM: the key at {name} has {bits} bits and is not believed. Make one of 2048 bits."
    ),
    "dkim_short": mark("DKIM: the key at {name} has {bits} bits. 2048 are asked for today."),
    "dmarc": mark("DMARC: {name} protects your name: {text}"),
    "no_dmarc": mark(
        "DMARC: there is no record at {name}, and large providers ask for one. Begin with: "
        "v=DMARC1; p=none; rua=mailto:postmaster@your-domain"
    ),
    "many_dmarc": mark("DMARC: {name} has {n} records, so none counts. Leave one."),
    "dmarc_none": mark(
        "DMARC: {name} only watches: {text}. Once SPF and DKIM are right, set p=quarantine."
    ),
    "dmarc_broken": mark("DMARC: the record at {name} cannot be read: {text}"),
    "silent": mark("{what}: no name server answered about {domain}. Try again later."),
}

STAGES: Final[Mapping[str, str]] = {
    "connect": mark("The server {server} cannot be reached: {why}. Look at host, port, firewall."),
    "ehlo": mark("The server {server} does not talk with us: {why}."),
    "tls": mark(
        "The connection to {server} cannot be secured: {why}. The host must be called as in its "
        "certificate; smtps:// for port 465, smtp:// for 587."
    ),
    "auth": mark(
        "The server {server} does not let {user} in: {why}. Many providers want a password for "
        "programs here, not the one of the web mail."
    ),
    "mail": mark(
        "The server {server} takes no letters from {sender}: {why}. Set letters.sender to an "
        "address that this account owns."
    ),
    "rcpt": mark("The server {server} takes no letters for {to}: {why}."),
    "data": mark("The server {server} does not take the letter: {why}."),
    "content": mark("The server {server} refused the letter itself: {why}."),
}


def finding_text(words: Words, found: Finding) -> str:
    return words(FOUND[found.code], **found.values)


def signed_in_text(words: Words, server: str, user: str) -> str:
    if user:
        return words("Signed in to {server} as {user}.", server=server, user=user)
    return words("The server {server} takes letters without signing in.", server=server)


def sent_text(words: Words, to: str, reply: str) -> str:
    return words(
        "A test letter went to {to}; the server said: {reply}. See that it does not lie in spam.",
        to=to,
        reply=reply,
    )


def doubt_text(words: Words, to: str, why: str) -> str:
    return words("Nobody knows whether the test letter to {to} went: {why}.", to=to, why=why)


def refused_text(words: Words, stage: str, **values: str) -> str:
    return words(STAGES[stage], **values)


def plain_text(words: Words, server: str) -> str:
    return words("Letters go to {server} in clear: use smtps://, or ?tls=required.", server=server)


def other_domain_text(words: Words, sender: str, user: str) -> str:
    return words(
        "Letters come from {sender} and you sign in as {user}: the domains differ, and many "
        "servers refuse that or are not believed.",
        sender=sender,
        user=user,
    )


def test_letter(words: Words, company: str) -> tuple[str, str]:
    """Subject and text."""
    return (
        words("callrouter: a test letter"),
        words(
            "This letter was sent by `callrouter mail-check` of {company}. If you read it, letters "
            "can leave. Nothing need be done.",
            company=company,
        ),
    )


def verdict_text(words: Words, bad: int, mend: int) -> str:
    if bad:
        return words.many(
            "{n} thing must be mended, or letters land in spam.",
            "{n} things must be mended, or letters land in spam.",
            bad,
        )
    if mend:
        return words.many("{n} thing could be better.", "{n} things could be better.", mend)
    return words("Everything is right.")


def cannot_text(words: Words) -> str:
    return words("Letters cannot be sent.")
