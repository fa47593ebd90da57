"""Schools and employers."""

from __future__ import annotations

from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.lexicon import is_product, vocabulary
from redaction.text.numbers import code_runs
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.names import RELATIONS
from redaction.text.rules.phrases import Phrases

__all__ = ["find_employers", "find_schools"]

SCHOOL, ORGANIZATION = EntityType.SCHOOL, EntityType.ORGANIZATION
# The last word of a school's name.
SCHOOL_ENDS = vocabulary(
    """
    school academy college university nursery elementary kindergarten preschool primary montessori grammar
    institute polytechnic seminary conservatory daycare playgroup lyceum gymnasium lycee secondary prep high
    uni
    """
)
# Words in a school's name that do not tell one from another.
SCHOOL_WORDS = vocabulary(
    """
    school primary secondary high middle elementary junior senior infant infants grammar boarding public
    private day nursery preschool pre prep preparatory sixth form college university community state law
    medical business music art drama summer sunday night night-time online home old new my your his her our
    their the a this that local other same big small whole every each any first last next good best better
    great driving swimming dance language after before in at to from of for and or is was during through per
    no more some cooking international graduate grad med b-school back about into with going go goes went
    starts start finished finish left leaving since all both when while near by nearest catholic christian
    muslim jewish faith special needs inner city free charter magnet vocational technical really pretty very
    so too still just get got out off on outside inside between until till i'm he's she's it's they're we're
    it he she they we you i who which because if but not don't didn't there here had has have been
    """
)
AT_SCHOOL: Phrases[bool] = Phrases(
    (
        True,
        """
        goes to; go to; going to; went to; got into; gets into; student at; students at; studies at; studied at;
        studying at; study at; enrolled at; enrolled in; enrolling at; graduated from; graduates from;
        graduating from; graduate of; alumni of; alumnus of; alumna of; degree from; degree at; phd at;
        phd from; masters at; masters from; mba from; mba at; teaches at; taught at; teacher at; professor at;
        lecturer at; lectures at; year at; junior at; senior at; freshman at; sophomore at; pupil at;
        accepted to; accepted into; accepted at; admitted to; transferred to; dropped out of; expelled from;
        attends; attended; attending; university of; college of; class at; scholarship to; scholarship at;
        researcher at; postdoc at; fellow at; picks her up from; picks him up from; pick her up from;
        pick him up from; kindergarten at; grade at; up from
        """,
    ),
)
# After these only a strange or capitalised word is a school: people also go to sleep and into details.
VAGUE = frozenset({"goes to", "go to", "going to", "went to", "attends", "attended", "attending", "year at", "up from",
                   "class at", "transferred to", "got into", "gets into", "enrolled in", "college of"})  # fmt: skip
AT_WORK: Phrases[bool] = Phrases(
    (
        True,
        """
        work at; works at; worked at; working at; work for; works for; worked for; working for; employed by;
        employed at; employer is; employer was; employer's; calling from; call from; represented by; hired by;
        fired from; fired by; laid off from; laid off by; job at; jobs at; job with; shift at; shifts at;
        position at; role at; intern at; interning at; interned at; internship at; cleans at; cleaner at;
        cooks at; waitress at; waiter at; barista at; nurse at; manager at; manager of; director at;
        engineer at; consultant at; consultant for; analyst at; developer at; designer at; partner at;
        associate at; lawyer at; accountant at; driver for; contractor for; freelance for; freelancing for;
        ceo of; cto of; cfo of; founder of; co-founder of; owner of; president of; head of sales at; vp at;
        company called; company named; company is; startup called; business called; business is called;
        firm called; agency called; company's called; offer from; interview at; interview with; interviewing at;
        interviewing with; onboarding at; joining; recruiter from; recruiter at; representing; on behalf of;
        acquired by; client is; worked over at; over at; i'm with; i'm from; here from; team at; staff at;
        career at; retired from; volunteer at; volunteers at; volunteering at; quit; sued; patient at;
        appointment at; treated at; admitted at; doctor at
        """,
    ),
)
COMPANY_ENDS = vocabulary(
    """
    inc incorporated ltd limited llc llp plc corp corporation gmbh co company companies group holdings
    partners associates solicitors attorneys traders trading bank hotel clinic dental dentistry hospital
    surgery pharmacy bakery restaurant cafe bistro diner works foods motors systems solutions technologies
    technology tech consulting consultants logistics industries enterprises services insurance construction
    builders plumbing electric roofing salon spa gym fitness studio studios church mosque temple synagogue
    shelter foundation trust charity agency realty properties estates capital ventures investments financial
    advisors accounting law legal steel textiles pharma pharmaceuticals labs laboratories laboratory media
    press publishing airlines airways shipping freight farms farm dairy vineyards brewery winery market
    supermarket stores store hardware supplies veterinary vets care hospice optics optical orthodontics physio
    physiotherapy pediatrics paediatrics cleaners cleaning catering garage autos auto repairs
    """
)
AFTER_AND = vocabulary(
    """
    partners sons son co associates company daughters brothers family friends
    """
)
# A company's name is over at such a word.
STOPS = vocabulary(
    """
    a an as at on in for from to with by since until till when where while because but or so if that which who
    whom whose is was are were be been being has have had do does did will would can could should may might
    must i you he she we they it this there then than not no my your his her our their its now today yesterday
    tomorrow again still also just only very really too all any some every each about before after during over
    under out up down off right okay ok yeah well um uh like i'm he's she's it's we're they're i've i'd i'll
    that's what's there's here and the please thanks actually anyway though home work me him us them
    """
)  # fmt: skip
VERBS = frozenset(
    {"attends", "attended", "attending", "likes", "loves", "left", "joined", "called", "named", "visited"}
)
NOWHERE = vocabulary(
    """
    home work scale speed free me him her us them myself yourself themselves least first last once night noon
    all hand large length random risk times best worst ease fault cost the it that this heart bay peace
    """
)
LONGEST_ORGANIZATION = 5


def find_schools(passage: Passage) -> Iterator[Hit]:
    """Yield schools: by the word that ends their name, or by what is said before."""
    for at, item in enumerate(passage):
        if item.stem in SCHOOL_ENDS or item.core in SCHOOL_ENDS:
            yield from _school_before(passage, at)
        if (
            item.core in ("university", "college", "institute")
            and at + 2 < len(passage)
            and passage[at + 1].core == "of"
        ):
            last = _name_run(passage, at + 2, longest=3)
            if last > at + 2:
                yield Hit(at, last, SCHOOL, 0.8, "school")
    for at, end, _ in AT_SCHOOL.find(passage):
        phrase = " ".join(item.core for item in passage[at:end])
        yield from _after(passage, end, SCHOOL, vague=phrase in VAGUE, rule="at-school")


def _school_before(passage: Passage, at: int) -> Iterator[Hit]:
    last = at + 1
    while last < len(passage) and passage[last].stem in SCHOOL_ENDS and not passage[last - 1].pauses:
        last += 1
    first = at
    while first > 0 and at - first < 4 and not passage[first - 1].pauses and _in_name(passage[first - 1]):
        first -= 1
    if any(_telling(item) for item in passage[first:at]):
        yield Hit(first, last, SCHOOL, 0.8, "school", strong=False)


def _in_name(item: Item) -> bool:
    if item.cased:
        return item.upper and item.core not in ("the", "my", "our", "i")
    return (
        item.alphabetic
        and item.stem not in RELATIONS
        and item.core not in VERBS
        and item.core not in STOPS
        and (
            item.core not in SCHOOL_WORDS
            or item.core in ("primary", "middle", "high", "secondary", "elementary")
        )
    )


def _telling(item: Item) -> bool:
    if not item.alphabetic or item.core in SCHOOL_WORDS or item.core in STOPS or item.core in SCHOOL_ENDS:
        return False
    return item.capital or item.strange or not item.cased


def find_employers(passage: Passage) -> Iterator[Hit]:
    """Yield the places that people work at, after what is said before them, or by the end of a company's name."""
    for at, end, _ in AT_WORK.find(passage):
        weak = (
            end - at == 1
            or passage[end - 1].core in ("is", "with")
            or " ".join(item.core for item in passage[at:end])
            in ("i'm from", "over at", "team at", "here from", "call from")
        )
        yield from _after(passage, end, ORGANIZATION, vague=weak, rule="at-work")
    for at, item in enumerate(passage):
        if item.core in COMPANY_ENDS and item.capital and at > 0 and not passage[at - 1].pauses:
            first = at
            while (
                first > 0 and at - first < 4 and passage[first - 1].capital and not passage[first - 1].pauses
            ):
                first -= 1
            if first < at and not all(is_product(word.core) for word in passage[first:at]):
                yield Hit(first, at + 1, ORGANIZATION, 0.6, "company", strong=False)


def _after(passage: Passage, first: int, kind: EntityType, *, vague: bool, rule: str) -> Iterator[Hit]:
    """Yield what stands where a name of a school or company is due."""
    if first >= len(passage) or passage[first - 1].closes:
        return
    letters = code_runs(passage[first : first + 8])
    if letters and letters[0].first == 0 and letters[0].letters >= 2 and not letters[0].digits:
        yield Hit(first, first + letters[0].last, kind, 0.75, rule)
        return
    begin = first + (passage[first].core == "the" and first + 1 < len(passage))
    last = _name_run(passage, begin, longest=LONGEST_ORGANIZATION, keep=kind is SCHOOL and not vague)
    if last <= begin:
        return
    words = passage[begin:last]
    telling = any(word.strange or word.capital for word in words)
    ended = words[-1].core in (COMPANY_ENDS if kind is ORGANIZATION else SCHOOL_ENDS) and len(words) > 1
    spelled = all(len(word.core) == 1 for word in words) and len(words) >= 2
    if all(is_product(word.core) for word in words) and kind is SCHOOL:
        return
    plain = kind is SCHOOL and not vague and not words[0].cased and words[0].core not in SCHOOL_WORDS
    if not (telling or ended or spelled or plain):
        return
    if vague and not (ended or spelled or all(word.strange or word.capital for word in words)):
        return
    yield Hit(first, last, kind, 0.75, rule)


def _name_run(passage: Passage, first: int, *, longest: int, keep: bool = False) -> int:
    """Return where a run of words of a name ends."""
    at = first
    while at < len(passage) and at - first < longest:
        item = passage[at]
        after = passage[at + 1] if at + 1 < len(passage) else item
        if item.core == "and" and at > first and (after.stem in AFTER_AND or after.capital):
            at += 2
            break
        if item.core == "of" and at > first and at + 1 < len(passage) and passage[at + 1].strange:
            at += 1
            continue
        if at > first and item.utterance != passage[at - 1].utterance:
            break
        if not item.core or item.core in STOPS or (at == first and item.core in NOWHERE):
            break
        if item.cased and not item.upper and not any(char.isdigit() for char in item.core):
            break
        if not item.cased and not (item.alphabetic or len(item.core) == 1):
            break
        at += 1
        if item.pauses:
            break
    if at > first and not passage[first].cased:
        return _trimmed(passage, first, at) if not keep else min(at, first + 3)
    return at


def _trimmed(passage: Passage, first: int, last: int) -> int:
    """Cut ordinary words from the end of a run without capitals, down to its last telling word."""
    for at in range(last, first, -1):
        item = passage[at - 1]
        if (
            item.strange
            or len(item.core) == 1
            or item.core in COMPANY_ENDS
            or item.stem in SCHOOL_ENDS | AFTER_AND
        ):
            return at
    return first
