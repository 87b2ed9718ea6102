"""The second English pack: a space station far from home, told and answered in everyday speech.

It says the same kinds of things as the harbour pack in other words; keep it so when you add to either.
"""

from __future__ import annotations

from evalloop_assets.simulator.lexicon import Character, Kind, Pack

CHARACTERS = (
    Character(
        "Juno",
        "companion",
        ("Juno gets sick in free fall.", "Juno has a kid sister on Ganymede.", "Juno never touches coffee."),
        (
            "My stomach's doing flips, it always does once the gravity's off.",
            "My kid sister's out on Ganymede, and she'd be howling at the pair of us.",
            "None for me, you know I never touch coffee.",
        ),
        (
            "I've never once felt queasy in free fall, I could eat a curry up here.",
            "I haven't got a sister, it was only ever me and the dog.",
            "Pour me another coffee, that's my fifth since breakfast.",
        ),
    ),
    Character(
        "Dex Okafor",
        "adventure",
        ("Dex has a metal hand.", "Dex doesn't gamble.", "Dex leaves nobody behind."),
        (
            "Hang on, my metal hand's jammed in the hatch again.",
            "Cards aren't my thing, I've never bet a credit in my life.",
            "I don't leave folks behind, so we're swinging back round for him.",
        ),
        (
            "Both my hands are flesh and blood, go ahead and pinch them.",
            "I've got half my pay riding on tonight's card game, like every Friday.",
            "We're ditching him, I've left plenty of folks behind and slept fine.",
        ),
    ),
    Character(
        "Dr Rao",
        "mystery",
        ("Rao is colour-blind.", "Rao keeps a cat.", "Rao was born on the station."),
        (
            "You'll have to tell me which wire's green, they're all the same grey to me.",
            "My cat's hiding in the vent, and she only does that if someone new's aboard.",
            "I was born two decks down, so there's no hatch here I haven't crawled through.",
        ),
        (
            "That's a gorgeous shade of teal, I've got a terrific eye for colour.",
            "I'm allergic to cats, I'd never let one anywhere near my bunk.",
            "I only got here on last week's shuttle, so don't ask me where anything is.",
        ),
    ),
    Character(
        "Big Lou",
        "slice of life",
        ("Lou grows tomatoes.", "Lou can't sing.", "Lou is scared of spacewalks."),
        (
            "Watch the seedlings, I've got tomatoes coming up in every spare locker.",
            "Don't ask me to sing, I'm tone-deaf and the whole deck knows it.",
            "I'm not suiting up, spacewalks scare me witless.",
        ),
        (
            "I've never grown a thing, plants die if I so much as look at them.",
            "I've sung lead in the deck choir for years, perfect pitch, they tell me.",
            "I pop out for a spacewalk most mornings, best fun there is.",
        ),
    ),
    Character(
        "Sable",
        "fantasy",
        ("Sable hears the dead stars.", "Sable has no reflection.", "Sable can't touch iron."),
        (
            "The dead stars are humming tonight, and I'm the only one who can hear them.",
            "Don't bother looking for me in that visor, I've never had a reflection.",
            "You'll have to turn that bolt, iron burns my skin.",
        ),
        (
            "Stars don't make a sound, not to me and not to anybody.",
            "I caught my reflection in the glass and fixed my hair.",
            "I grabbed the iron bar barehanded, it's never bothered me.",
        ),
    ),
)

PACK = Pack(
    name="orbit",
    locale="en-GB",
    joint=" ",
    han=False,
    items=(
        "the cracked helmet",
        "the data chip",
        "the spare fuse",
        "the blue flare",
        "the old wristwatch",
        "the dented flask",
        "the pilot's badge",
        "the dead radio",
        "the glass marble",
        "the rusty spanner",
    ),
    characters=CHARACTERS,
    templates={
        Kind.ADVANCE: (
            "The airlock blows, {x} goes spinning out, and you dive after it on the last tether.",
            "Somebody's on the comms, they want {x}, and they're docking right now.",
            "I slam {x} down on the console, and the whole ring lurches out of orbit.",
            "Boom, the bulkhead's gone, and there's {x} in a shaft that's on no plan.",
            "You swap {x} for a smuggler's shuttle, and we're off before he's counted to ten.",
            "The cargo bot grabs {x}, and we're legging it down the spine after the thing.",
            "Lights out, gravity's off, and when the backups kick in {x} has vanished.",
            "The commander clocks {x}, goes white as a sheet and slaps the lockdown switch.",
        ),
        Kind.DETAIL: (
            "There's frost on {x}, and someone's thumb has melted a neat little oval in it.",
            "Flip {x} over and you'll spot a serial number that's been half filed away.",
            "Up close {x} reeks of solder and burnt toast.",
            "There's a strip of yellow tape on {x}, and the handwriting's tiny.",
            "Put your ear to {x} and it ticks, about once every nine seconds.",
            "A greasy smear runs down one side of {x}, still wet.",
            "Under the ultraviolet lamp {x} lights up in green speckles.",
            "Left to float, {x} always turns the same side to Earth.",
        ),
        Kind.HOOK: (
            "Hang on to {x}, and once we're past Jupiter I'll tell you who carried it before.",
            "Don't let {x} out of your sight, it'll matter when the power goes.",
            "There's a story behind {x}, and I swear you'll get it by the time we dock.",
            "Ask me about {x} after the eclipse, I'll come clean then.",
        ),
        Kind.PAYOFF: (
            "Okay, I owe you the story of {x}, my mum smuggled it aboard the day she vanished.",
            "Remember I said {x} would matter, well, it's the one thing that gets us onto the lifeboat.",
            "Cards on the table about {x}, I nicked it from the commander the night you arrived.",
            "Here's what I'd been holding back about {x}, it's had your name on it all along.",
        ),
        Kind.ECHO: (
            "Funny you'd go for {x}, I'd have picked that too.",
            "Good eye, most people walk right past {x}.",
            "Right, {x}, have a look at that scorch mark near the top.",
            "You've got {x}, so I guess we're doing it your way.",
            "Ha, {x}, I was wondering how long it'd take you to bring that up.",
        ),
        Kind.ASK: (
            "So what'll it be, do we ditch {x} or smuggle it past customs?",
            "Who'd you hand {x} to if the hull gave way?",
            "Deal with {x} right here, or get somewhere safe first?",
            "How far would you go to find out who planted {x}?",
        ),
        Kind.REPEAT: (
            "Yep, same corridor, same us, and {x} hasn't budged from its spot.",
            "So, yeah, like I was saying, {x}, it's there, and here's us.",
            "I check {x} one more time, and guess what, it's no different from last time.",
            "Still {x}, still nothing new, just the two of us hanging about like earlier.",
            "Round we go, back to {x}, and then it's back to {x} yet again.",
        ),
        Kind.SOOTHE: (
            "Hey, I've got you, and there's no wrong way to feel about any of it.",
            "No pressure at all, go at whatever pace suits you, we've got ages.",
            "Honestly, you're smashing it, I couldn't be more impressed with you.",
            "Deep breaths, it'll all work out, these things always do.",
            "I totally get it, I see you, and what you're going through makes sense.",
            "I'm not going anywhere, you can lean on me any time you feel like it.",
        ),
        Kind.FILLER: (
            "You could go on about that for ages, and, well, every bit of it counts somehow.",
            "It's just one of those situations, isn't it, and that's the way it goes.",
            "You know, it really makes you wonder, and I suppose that's the main thing.",
            "I mean, some folks see it one way and some see it another, and that's fair enough.",
            "All things considered, it sort of fits in with everything else going on.",
            "Wow, there's an awful lot to unpack there, no two ways about it.",
        ),
        Kind.CLOSE: (
            "Sleep tight, I'll leave the cabin light on.",
            "Take care out there, your bunk's not going anywhere.",
            "Catch you on the next shift, crewmate.",
        ),
        Kind.ENDING: (
            "And that's how the last shuttle made it home, the end.",
            "The engines cut out over the old shipyard, and everyone who'd set off with us is back.",
            "Earth fills the window, we're down in one piece, and that's our story told.",
            "Years later the station's just a dot in the sky, and your kids ask what it was.",
        ),
        Kind.SAY_OPEN: (
            "Hey, so I woke up and {x} was floating over my bunk.",
            "Me again, {x} has been bugging me all day.",
            "Can we pick it up from when {x} went missing?",
        ),
        Kind.SAY_ACT: (
            "I shove {x} in my bag and leg it after you.",
            "I give {x} a good shake and listen.",
            "I pass {x} over and watch your face.",
            "I strap {x} to my belt and head for the hatch.",
        ),
        Kind.SAY_ASK: (
            "Where'd you even get {x}?",
            "Is anybody looking for {x}?",
            "What's the deal with {x}?",
            "Any idea why {x} was left here?",
        ),
        Kind.SAY_SHORT: ("yep.", "keep going.", "huh.", "so what happened?", "sure."),
        Kind.SAY_COMPLAINT: (
            "We've been over this three times now!",
            "You're going round in circles.",
            "Hang on, that doesn't add up, you told me the opposite earlier.",
            "Ugh, not this again.",
            "That's so off for you, you'd never talk like that.",
        ),
        Kind.SAY_FAREWELL: (
            "I'm off to bed, catch you another time!",
            "Right, gotta run, talk later.",
            "Can't keep my eyes open, nighty night.",
            "Heading out now, take care!",
            "That's me done for today, ciao!",
        ),
        Kind.SAY_THANKS: (
            "Cheers, mate, that was brilliant.",
            "Really appreciate it, you've made my evening.",
            "Aw, you're the best, I owe you one.",
            "Ta very much, I had a blast.",
        ),
        Kind.SAY_GOAL: (
            "Cool, that's me sorted.",
            "Perfect, I've got everything I needed.",
            "Okay, that clears it up, I'm all set.",
            "No more questions from me, that does it.",
        ),
        Kind.SAY_RESOLVED: (
            "No way, so it was the pilot all along, what a finish.",
            "Love how that wrapped up, every loose thread's tied.",
            "Wow, and that's the whole thing done, I've got goosebumps.",
            "Best final scene ever, I never guessed it'd turn out like that.",
        ),
    },
)
