/* How three peers agree on who may hand out one block of addresses, and with whom they exchange frames: what
   `weave_http.router.addresses.agreement` and `gate` do.

   Whatever a peer said once may be heard by anybody, at any later time, any number of times, or never. So what was said
   is a set that only grows: that covers messages which are lost, late, repeated, or in another order, and every cut of
   the network. Peers end and start again at any time, and know then what is on the disk. A peer that is silent, because
   it is dead, or asleep, or its router has stopped while its containers run, is one that takes no step.

   Two charters follow the one that all begin with, in which the block is in the pool or that of the first peer. Anybody
   may find at any time that an owner was silent for too long: one charter says that its share has expired, and a later
   one gives the block to another. The containers of the silent one go on using it. Frames pass wherever both ends admit
   each other, whether the network is cut there or not. What the assertion forbids is that anybody gets frames of two
   peers that use the block, itself included.

   Each of these takes away one thing that the protocol depends on, and then spin has to find how it goes wrong:
     FORGET_VOTES   a promise or vote is not on the disk
     FORGET_OFFER   an offer is not on the disk
     MINORITY       one vote is enough
     SILENCE        a share that was silent for too long is given to another at once, and everybody is admitted
     NO_EXPIRY      a peer whose share has expired is admitted until that is given to another
     LATE_GATE      the first peer says that it knows a charter before its gate follows
     NO_APART       a host that uses what is another's exchanges frames with others
     EARLY          a host whose own share has expired exchanges frames with others until that is given to another   */

#define PEERS 3
#ifndef PROPOSERS
#define PROPOSERS 2                   /* peers that want the block; the others only vote */
#endif
#ifndef ROUNDS
#define ROUNDS 1                      /* ballots of each peer for one charter */
#endif
#define BALLOTS (PROPOSERS * ROUNDS + 1)  /* ballot b is that of peer (b - 1) % PROPOSERS; 0 is none */
#define CHARTERS 2
#define POOL 3
#define NOTHING 4
#define EXPIRED 5                     /* and the peer whose share it was: it is nobody's, but may be in use there */
#define AT(charter, ballot) ((charter) * BALLOTS + (ballot))
#define BIT(peer) (1 << (peer))
#ifdef MINORITY
#define ENOUGH(set) (set)
#else
#define ENOUGH(set) ((set) == 3 || (set) == 5 || (set) == 6 || (set) == 7)
#endif

/* What was said. */
byte proposed[CHARTERS * BALLOTS] = NOTHING;  /* the owner that the ballot is for; NOTHING while it asks for promises */
bit asked[CHARTERS * BALLOTS];
byte promises[CHARTERS * BALLOTS];            /* who promised to follow the ballot */
byte latest[CHARTERS * BALLOTS * PEERS];      /* and the ballot that each had accepted last by then */
byte votes[CHARTERS * BALLOTS];               /* who accepted it */
byte charters[CHARTERS + 1] = NOTHING;        /* the owner in it, once somebody has it */
byte offers[CHARTERS + 1];                    /* who offers the block, by the charter that it has */

/* What each peer has on its disk, but for `asking`: its own ballot. */
byte number[PEERS], owner[PEERS], promised[PEERS], accepted[PEERS], asking[PEERS];
byte floor[PEERS];                            /* the charter that everybody has to know, and say so */
byte gate[PEERS];                             /* the charter that its kernel follows */
bit offering[PEERS], using[PEERS];            /* whether its containers use the block, whatever its router does */

#define HANDS_OUT(peer) (owner[peer] == peer && !offering[peer])

/* With whom a peer exchanges frames. It may not have heard yet what another one said; then it admits fewer. */
#ifdef SILENCE
#define KNOWS(peer, other) 1
#elif defined(NO_EXPIRY)
#define KNOWS(peer, other) (gate[peer] < number[peer] || number[other] >= floor[peer])
#else
#define KNOWS(peer, other) (gate[peer] < number[peer] || \
    (number[other] >= floor[peer] && (owner[peer] != EXPIRED + other || number[other] >= number[peer])))
#endif
#if defined(NO_APART) || defined(SILENCE)
#define APART(peer) 0
#elif defined(EARLY)
#define APART(peer) (using[peer] && owner[peer] != peer && owner[peer] != EXPIRED + peer && gate[peer] == number[peer])
#else
#define APART(peer) (using[peer] && owner[peer] != peer && gate[peer] == number[peer])
#endif
#define ADMITS(peer, other) (!APART(peer) && KNOWS(peer, other))
#define MEET(peer, other) (ADMITS(peer, other) && ADMITS(other, peer))
#define TWICE(me, one, two) (using[one] && using[two] && MEET(me, one) && MEET(me, two))

inline check() {
    assert(!(using[0] && using[1] && MEET(0, 1)));
    assert(!(using[0] && using[2] && MEET(0, 2)));
    assert(!(using[1] && using[2] && MEET(1, 2)));
    assert(!TWICE(0, 1, 2) && !TWICE(1, 0, 2) && !TWICE(2, 0, 1))
}

inline forget_words() { ballot = 0; set = 0; newest = 0; other = 0 }

/* Choose a ballot, by `ballot`, for which a condition holds; 0 if there is none. */
inline one_of(condition) {
    ballot = 1;
    do
    :: ballot < BALLOTS && condition -> break
    :: ballot < BALLOTS -> ballot++
    :: ballot == BALLOTS -> ballot = 0; break
    od
}

/* A promise matters as long as whoever asked for it waits for it. */
inline promise() {
    if
    :: asking[(ballot - 1) % PROPOSERS] == ballot && number[(ballot - 1) % PROPOSERS] == number[me] ->
        promises[AT(number[me], ballot)] = promises[AT(number[me], ballot)] | BIT(me);
        latest[AT(number[me], ballot) * PEERS + me] = accepted[me]
    :: else
    fi
}

inline stop_asking() {
    promises[AT(number[me], asking[me])] = 0;
    latest[AT(number[me], asking[me]) * PEERS] = 0;
    latest[AT(number[me], asking[me]) * PEERS + 1] = 0;
    latest[AT(number[me], asking[me]) * PEERS + 2] = 0;
    asking[me] = 0
}

/* In the second charter a block is given to another that had expired by the first. */
inline adopt(charter, what) {
    if
    :: asking[me] -> stop_asking()
    :: else
    fi;
    assert(charters[charter] == NOTHING || charters[charter] == what);
    if
    :: charter == 2 && charters[1] >= EXPIRED && what != charters[1] && what != charters[1] - EXPIRED -> floor[me] = 1
    :: else
    fi;
    charters[charter] = what;
    number[me] = charter;
    owner[me] = what;
#ifdef LATE_GATE
    gate[me] = (me -> charter : gate[me]);
#else
    gate[me] = charter;
#endif
    promised[me] = 0;
    accepted[me] = 0;
    offering[me] = offering[me] && (what == me || what == EXPIRED + me);
    if
    :: offering[me] -> offers[charter] = offers[charter] | BIT(me)
    :: else
    fi;
    using[me] = using[me] || HANDS_OUT(me);
    check()
}

/* What comes next: a block in the pool, offered, or expired is wanted for oneself; one that has an owner may expire, as
   nobody knows whether he only is silent; an owner whose share expired has it again, if he is there. */
#ifdef SILENCE
#define FREE(it) 1
#else
#define FREE(it) (it == POOL || it >= EXPIRED || (offers[number[me]] & BIT(it)))
#endif
#define IS_BACK(it) (it >= EXPIRED && number[(it) % EXPIRED] == number[me])
/* What somebody else accepted may be proposed, too, so that it comes to an end. */
#define BEGUN(it) (number[it] == number[me] && accepted[it])

proctype peer(byte me) {
    byte ballot, set, newest, other;
end:
    do
    /* begin a ballot, if there is something to want, or something was begun */
    :: atomic { me < PROPOSERS && number[me] < CHARTERS && (owner[me] != me || accepted[me]) ->
        ballot = 1 + me;
        do
        :: ballot <= promised[me] || (ballot < BALLOTS && asked[AT(number[me], ballot)]) -> ballot = ballot + PROPOSERS
        :: else -> break
        od;
        if
        :: ballot < BALLOTS ->
            asking[me] = ballot;
            asked[AT(number[me], ballot)] = 1;
            promised[me] = ballot;
            promise()
        :: else
        fi;
        forget_words()
    }
    /* promise to follow one */
    :: atomic { number[me] < CHARTERS ->
        one_of(asked[AT(number[me], ballot)] && ballot > promised[me]);
        if
        :: ballot ->
            promised[me] = ballot;
            promise()
        :: else
        fi;
        forget_words()
    }
    /* propose what enough of them promised to follow: what the latest of those heard of accepted */
    :: atomic { asking[me] && proposed[AT(number[me], asking[me])] == NOTHING ->
        ballot = AT(number[me], asking[me]);
        set = 0;
        newest = 0;
        other = 0;
        do
        :: other < PEERS && (promises[ballot] & BIT(other)) ->
            set = set | BIT(other);
            if
            :: latest[ballot * PEERS + other] > newest -> newest = latest[ballot * PEERS + other]
            :: else
            fi;
            other++
        :: other < PEERS && other != me -> other++
        :: other == PEERS -> break
        od;
        if
        :: ENOUGH(set) && newest -> proposed[ballot] = proposed[AT(number[me], newest)]
        :: ENOUGH(set) && !newest && owner[me] != me && FREE(owner[me]) -> proposed[ballot] = me
        :: ENOUGH(set) && !newest && owner[me] != me && owner[me] < PEERS -> proposed[ballot] = EXPIRED + owner[me]
        :: ENOUGH(set) && !newest && IS_BACK(owner[me]) -> proposed[ballot] = owner[me] - EXPIRED
        :: ENOUGH(set) && !newest && BEGUN(0) -> proposed[ballot] = proposed[AT(number[me], accepted[0])]
        :: ENOUGH(set) && !newest && BEGUN(1) -> proposed[ballot] = proposed[AT(number[me], accepted[1])]
        :: ENOUGH(set) && !newest && BEGUN(2) -> proposed[ballot] = proposed[AT(number[me], accepted[2])]
        :: else
        fi;
        if
        :: proposed[ballot] != NOTHING -> stop_asking()
        :: else
        fi;
        forget_words()
    }
    /* accept, unless it takes from us what we did not offer */
    :: atomic { number[me] < CHARTERS ->
        one_of(proposed[AT(number[me], ballot)] != NOTHING && ballot >= promised[me] && ballot > accepted[me] &&
               !(HANDS_OUT(me) && proposed[AT(number[me], ballot)] % EXPIRED != me));
        if
        :: ballot ->
            promised[me] = ballot;
            accepted[me] = ballot;
            votes[AT(number[me], ballot)] = votes[AT(number[me], ballot)] | BIT(me)
        :: else
        fi;
        forget_words()
    }
    /* take over what was decided, or the next charter of somebody who has it */
    :: atomic { number[me] < CHARTERS ->
        one_of(ENOUGH(votes[AT(number[me], ballot)]));
        if
        :: ballot ->
            newest = number[me] + 1;
            other = proposed[AT(number[me], ballot)];
            adopt(newest, other)
        :: else
        fi;
        forget_words()
    }
    :: atomic { number[me] < CHARTERS && charters[CHARTERS] != NOTHING ->
        adopt(CHARTERS, charters[CHARTERS]);
        forget_words()
    }
    :: atomic { number[me] == 0 && charters[1] != NOTHING ->
        adopt(1, charters[1]);
        forget_words()
    }
#ifdef LATE_GATE
    :: atomic { gate[me] < number[me] ->
        gate[me] = number[me];
        check();
        forget_words()
    }
#endif
    /* let go of the block, which no container uses any more */
    :: atomic { HANDS_OUT(me) ->
        offering[me] = 1;
        using[me] = 0;
        offers[number[me]] = offers[number[me]] | BIT(me);
        forget_words()
    }
    /* take it from the containers, because it is another's by now */
    :: atomic { using[me] && owner[me] != me && owner[me] != EXPIRED + me ->
        using[me] = 0;
        forget_words()
    }
    /* end, and start again with what is on the disk */
    :: atomic { asking[me] || promised[me] || offering[me] ->
        if
        :: asking[me] -> stop_asking()
        :: else
        fi;
#ifdef FORGET_VOTES
        promised[me] = 0;
        accepted[me] = 0;
#endif
#ifdef FORGET_OFFER
        offering[me] = 0;
        using[me] = using[me] || HANDS_OUT(me);
        check();
#endif
        forget_words()
    }
    od
}

init {
    atomic {
        if
        :: owner[0] = POOL
        :: owner[0] = 0; using[0] = 1
        fi;
        owner[1] = owner[0];
        owner[2] = owner[0];
        run peer(0);
        run peer(1);
        run peer(2)
    }
}
