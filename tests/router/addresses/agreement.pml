/* How three peers agree on who may hand out one block of addresses: what `weave_http.router.addresses.agreement` does.

   Whatever a peer said once may be heard by anybody, at any later time, any number of times, or never. So what was said
   is a set that only grows: that covers messages which are lost, late, repeated, or in another order, and every cut of
   the network. Peers end and start again at any time, and know then what is on the disk; one may die for good, and then
   people may say so (rmpeer).

   Two charters follow the one that all begin with, in which the block is in the pool. The owner of a block is in danger
   to be two: that is what the assertions forbid.

   Each of these takes away one thing that the protocol depends on, and then spin has to find how it goes wrong:
     FORGET_VOTES   a promise or vote is not on the disk
     FORGET_OFFER   an offer is not on the disk
     MINORITY       one vote is enough
     SILENCE        an owner that is not heard of counts as dead, and its share goes back into the pool              */

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
byte dead;                                     /* who is gone for good, as people say */

/* What each peer has on its disk, but for `asking`: its own ballot. */
byte number[PEERS], owner[PEERS] = POOL, promised[PEERS], accepted[PEERS], asking[PEERS];
bit offering[PEERS];

#define HANDS_OUT(peer) (owner[peer] == peer && !offering[peer] && !(dead & BIT(peer)))

inline check() {
    assert(HANDS_OUT(0) + HANDS_OUT(1) + HANDS_OUT(2) <= 1)
}

#define ALIVE !(dead & BIT(me))

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

inline adopt(charter, what) {
    if
    :: asking[me] -> stop_asking()
    :: else
    fi;
    assert(charters[charter] == NOTHING || charters[charter] == what);
    charters[charter] = what;
    number[me] = charter;
    owner[me] = what;
    promised[me] = 0;
    accepted[me] = 0;
    offering[me] = offering[me] && what == me;
    if
    :: offering[me] -> offers[charter] = offers[charter] | BIT(me)
    :: else
    fi;
    check()
}

/* What may be wanted: the block for oneself, if it is in the pool, or may go back there. */
#ifdef SILENCE
#define MAY_GO(peer) 1
#else
#define MAY_GO(peer) ((dead & BIT(peer)) || (offers[number[me]] & BIT(peer)))
#endif
#define WANTED(it) (it != me && (it == POOL || MAY_GO(it)))

proctype peer(byte me) {
    byte ballot, set, newest, other;
end:
    do
    :: dead & BIT(me) -> break
    /* begin a ballot, if there is something to want, or something was begun */
    :: atomic { ALIVE && me < PROPOSERS && number[me] < CHARTERS && (WANTED(owner[me]) || accepted[me]) ->
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
    :: atomic { ALIVE && number[me] < CHARTERS ->
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
    :: atomic { ALIVE && asking[me] && proposed[AT(number[me], asking[me])] == NOTHING ->
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
        :: ENOUGH(set) && !newest && WANTED(owner[me]) -> proposed[ballot] = me
        :: else
        fi;
        if
        :: proposed[ballot] != NOTHING -> stop_asking()
        :: else
        fi;
        forget_words()
    }
    /* accept, unless it takes from us what we did not offer */
    :: atomic { ALIVE && number[me] < CHARTERS ->
        one_of(proposed[AT(number[me], ballot)] != NOTHING && ballot >= promised[me] && ballot > accepted[me] &&
               !(HANDS_OUT(me) && proposed[AT(number[me], ballot)] != me));
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
    :: atomic { ALIVE && number[me] < CHARTERS ->
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
    :: atomic { ALIVE && number[me] < CHARTERS && charters[CHARTERS] != NOTHING ->
        adopt(CHARTERS, charters[CHARTERS]);
        forget_words()
    }
    :: atomic { ALIVE && number[me] == 0 && charters[1] != NOTHING ->
        adopt(1, charters[1]);
        forget_words()
    }
    /* let go of the block */
    :: atomic { ALIVE && HANDS_OUT(me) ->
        offering[me] = 1;
        offers[number[me]] = offers[number[me]] | BIT(me);
        forget_words()
    }
    /* end, and start again with what is on the disk */
    :: atomic { ALIVE && (asking[me] || promised[me] || offering[me]) ->
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
        check();
#endif
        forget_words()
    }
    od
}

/* One of them, and only one, may die for good. */
proctype death() {
    atomic {
        if
        :: dead = BIT(0)
        :: dead = BIT(1)
        :: dead = BIT(2)
        :: skip
        fi
    }
}

init {
    atomic {
        run peer(0);
        run peer(1);
        run peer(2);
        run death()
    }
}
