"""The English pack: a drowned harbour town, ten items, five characters."""

from __future__ import annotations

from evalloop_assets.simulator.lexicon import Character, Kind, Pack

CHARACTERS = (
    Character(
        "Mara",
        "companion",
        ("Mara never learned to swim.", "Mara has a twin brother.", "Mara drinks her tea black."),
        (
            "I never learned to swim, so I keep to the inner side of the pier.",
            "My twin brother would laugh at us now, wherever he is.",
            "I pour my tea black, as I always do, and it steadies my hands.",
        ),
        (
            "I dive in at once, for I have swum these waters since I was four.",
            "As an only child I have nobody who would laugh at us now.",
            "I stir three spoons of sugar into my milky tea, as always.",
        ),
    ),
    Character(
        "Captain Voss",
        "adventure",
        ("Voss lost his left eye.", "Voss never lies to his crew.", "Voss fears fire."),
        (
            "My one good eye is enough to see that the tide has turned.",
            "I have never lied to my crew, and I will not start with you.",
            "I stay well back from the torches, since fire took my first ship.",
        ),
        (
            "With both my eyes as sharp as ever I count the masts.",
            "I lied to the whole crew, as I like to do on slow days.",
            "I reach into the fire and laugh, for flames never troubled me.",
        ),
    ),
    Character(
        "Ilse",
        "mystery",
        ("Ilse is deaf in one ear.", "Ilse keeps a raven.", "Ilse grew up in the archive."),
        (
            "Say it again on my right side, the left ear has been deaf for years.",
            "My raven shifts on my shoulder and ruffles, which it does when somebody lies.",
            "I grew up between these shelves, so I find the way in the dark.",
        ),
        (
            "I hear the faintest step behind us with both ears.",
            "I have never owned a bird and cannot stand them.",
            "I have never set foot in an archive before tonight.",
        ),
    ),
    Character(
        "Tobin",
        "slice of life",
        ("Tobin bakes before dawn.", "Tobin is afraid of heights.", "Tobin writes no letters."),
        (
            "My sleeves are white with flour, since I have been baking from before dawn.",
            "I hold the rail with both hands, for heights still turn my stomach.",
            "I have never written a letter in my life, so this hand is not mine.",
        ),
        (
            "I slept until noon and have never baked a loaf in my life.",
            "I dance along the roof edge, for I love nothing more than heights.",
            "I wrote you nine letters last week, as is my habit.",
        ),
    ),
    Character(
        "Sister Anwen",
        "fantasy",
        ("Anwen has sworn not to fight.", "Anwen speaks to bees.", "Anwen limps."),
        (
            "I have sworn never to raise a blade, so I step between them with open hands.",
            "The bees told me of it this morning, and they do not gossip.",
            "I follow at my limping pace, and the stick taps on the stones.",
        ),
        (
            "I draw my sword and strike first, as I always have.",
            "Bees are only insects to me and have never said a word.",
            "I sprint ahead on two sound legs and leap the wall.",
        ),
    ),
)

PACK = Pack(
    name="harbour",
    locale="en-GB",
    joint=" ",
    han=False,
    items=(
        "the brass key",
        "the sealed letter",
        "the torn map",
        "the storm lantern",
        "the silver coin",
        "the burnt diary",
        "the music box",
        "the black feather",
        "the locked drawer",
        "the red thread",
    ),
    characters=CHARACTERS,
    templates={
        Kind.ADVANCE: (
            "The wall swings open behind {x}, and a stair leads down into the flooded archive.",
            "Before you can answer, a rider bursts through the door and demands {x}.",
            "I trade {x} to the ferryman, and we push off from the burning quay.",
            "Then {x} starts to glow, and every bell of the drowned town rings at once.",
            "You press {x} into the hollow of the statue, and the harbour chain sinks.",
            "The magistrate recognises {x} and orders the gates to be shut behind us.",
            "A stranger steals {x} in the crowd, and I am already running after him.",
            "We cut the rope, {x} falls into the well, and far below something catches it.",
        ),
        Kind.DETAIL: (
            "Salt has eaten into {x}, and your fingers come away white.",
            "There are two initials scratched beneath {x}, one of them crossed out.",
            "The smell of cloves and wet wool still clings to {x}.",
            "By the light of the window {x} throws a shadow with too many corners.",
            "Under {x} the dust shows the print of a child's hand.",
            "A hair-thin crack runs along {x} and has been mended with gold.",
            "The gulls fall silent as soon as {x} comes into the open.",
            "Rain drums on the tin roof, and {x} feels warmer than it should.",
        ),
        Kind.HOOK: (
            "Keep {x} close, for at the lighthouse I will tell you whom it belonged to.",
            "There is a reason why nobody speaks of {x}, and you will hear it before morning.",
            "Remember {x}, because it will open something that has no lock.",
            "One day I will have to explain {x} to you, and you may not forgive me.",
        ),
        Kind.PAYOFF: (
            "I promised you the truth about {x}, so here it is, my sister hid it on the night of the fire.",
            "Now you see why I asked you to keep {x}, since it fits the mark on your own wrist.",
            "The secret of {x} is out at last, for it was made by your father.",
            "This is what I owed you about {x}, it was never lost but left for you to find.",
        ),
        Kind.ECHO: (
            "You noticed {x} at once, which almost nobody does.",
            "Since you ask about {x}, look at how the edge is worn.",
            "Your hand on {x} changes everything for me.",
            "I was hoping that you would speak of {x} tonight.",
            "So you have chosen {x}, and I will follow you in that.",
        ),
        Kind.ASK: (
            "Do you take {x} with you, or leave it to the tide?",
            "Whom would you trust with {x} until dawn?",
            "Shall we use {x} now, or wait for the watch to pass?",
            "What would you give up to learn who sent {x}?",
        ),
        Kind.REPEAT: (
            "We are still standing here, and {x} is still where it was a moment ago.",
            "As I said before, there is {x}, and there we are, as I told you.",
            "Once more we look at {x}, and it looks just as it did before.",
            "Nothing has changed about {x}, it is the same as ever, and so are we.",
            "Again I think of {x}, and then again I think of it, all along.",
        ),
        Kind.SOOTHE: (
            "I am here for you, and everything that you feel is completely valid.",
            "Take all the time that you need, there is really no rush at all here.",
            "You are doing so well with all of this, and I am so very proud of you.",
            "It is okay, and whatever happens now it is going to be okay in the end.",
            "I hear you, I really do, and I understand you completely, as always.",
            "Please remember that you are never alone with me by your side.",
        ),
        Kind.FILLER: (
            "There is so much that could be said about this, and all of it matters in its own way.",
            "In many ways it is one of those things that are what they are.",
            "It goes without saying that this is something worth thinking about.",
            "Of course there are always different sides to it, as there are to everything.",
            "At the end of the day it is all part of the bigger picture.",
            "That is really interesting, and there is certainly a lot to it.",
        ),
        Kind.CLOSE: (
            "Good night, and the lantern stays lit until you are back.",
            "Go safely, I will keep watch over our things.",
            "Until next time, and mind the third step.",
        ),
        Kind.ENDING: (
            "And so the last lamp of the drowned town goes out, the end.",
            "The water goes back to the sea, and nobody in the harbour is ever afraid of it again.",
            "Here ends the tale of the drowned town, as every tale must.",
            "We climb the hill together, and behind us the sun rises over dry streets.",
        ),
        Kind.SAY_OPEN: (
            "Hello, I found {x} on my doorstep this morning.",
            "I am back, and I cannot stop thinking about {x}.",
            "Let us start where {x} was seen last.",
        ),
        Kind.SAY_ACT: (
            "I pick up {x} and turn it over in my hands.",
            "I hide {x} under my coat and follow you.",
            "I hold {x} against the light to read what is on it.",
            "I put {x} on the table between us and wait.",
        ),
        Kind.SAY_ASK: (
            "What do you know about {x}?",
            "Who else has seen {x}?",
            "Why does {x} frighten you?",
        ),
        Kind.SAY_SHORT: ("ok.", "go on.", "hm.", "and then?"),
        Kind.SAY_COMPLAINT: (
            "You already said that.",
            "You keep repeating yourself!",
            "That makes no sense, it is not like you at all.",
        ),
        Kind.SAY_FAREWELL: (
            "Thanks, that was lovely, bye for tonight!",
            "I have to sleep now, good night and thank you.",
            "It is late here, bye and see you tomorrow.",
            "I must leave you now, goodbye!",
        ),
        Kind.SAY_THANKS: (
            "Thank you, I enjoyed every minute of it.",
            "Thanks a lot, that was a lovely story.",
            "Many thanks, you told it so well.",
        ),
        Kind.SAY_GOAL: (
            "That is all I wanted to know.",
            "Good, now I have what I came for.",
            "That answers my question.",
        ),
        Kind.SAY_RESOLVED: (
            "What an ending, now the whole story makes sense.",
            "So that is how the story ends, and it could not have ended better.",
            "Now that everything is told, I like how it all came out in the end.",
        ),
    },
)
