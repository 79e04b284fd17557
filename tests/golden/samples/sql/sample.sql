-- A lending library: books, members, loans.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE SCHEMA lending;

CREATE TYPE lending.condition AS ENUM ('new', 'used', 'worn');

CREATE SEQUENCE lending.shelf_mark START 1000;

-- One row a title. Copies are counted, not listed.
CREATE TABLE IF NOT EXISTS lending.books (
    id          bigserial PRIMARY KEY,
    title       text NOT NULL,
    author      text NOT NULL DEFAULT 'unknown',
    copies      integer NOT NULL CHECK (copies >= 0),
    condition   lending.condition NOT NULL DEFAULT 'new',
    added_on    date NOT NULL DEFAULT current_date
);

/* People who may borrow. */
CREATE TABLE lending.members (
    id          bigserial PRIMARY KEY,
    name        text NOT NULL,
    email       text UNIQUE,
    blocked     boolean NOT NULL DEFAULT false
);

CREATE TABLE lending.loans (
    book_id     bigint NOT NULL REFERENCES lending.books (id),
    member_id   bigint NOT NULL REFERENCES lending.members (id) ON DELETE CASCADE,
    lent_on     date NOT NULL DEFAULT current_date,
    due_on      date NOT NULL,
    returned_on date,
    PRIMARY KEY (book_id, member_id, lent_on)
);

CREATE INDEX loans_open ON lending.loans (due_on) WHERE returned_on IS NULL;
CREATE UNIQUE INDEX members_by_email ON lending.members (lower(email));

-- What is late, and by how many days.
CREATE OR REPLACE VIEW lending.overdue AS
SELECT m.name, b.title, current_date - l.due_on AS days_late
FROM lending.loans l
JOIN lending.books b ON b.id = l.book_id
JOIN lending.members m ON m.id = l.member_id
WHERE l.returned_on IS NULL AND l.due_on < current_date;

CREATE MATERIALIZED VIEW lending.popular AS
SELECT book_id, count(*) AS times FROM lending.loans GROUP BY book_id;

-- How many copies are on the shelf. Never negative.
CREATE FUNCTION lending.available(wanted bigint) RETURNS integer AS $$
    SELECT greatest(b.copies - count(l.book_id), 0)::integer
    FROM lending.books b
    LEFT JOIN lending.loans l ON l.book_id = b.id AND l.returned_on IS NULL
    WHERE b.id = wanted
    GROUP BY b.copies;
$$ LANGUAGE sql STABLE;

-- Lends a book for three weeks, or says why not.
CREATE OR REPLACE FUNCTION lending.lend(wanted bigint, borrower bigint)
RETURNS date
LANGUAGE plpgsql AS $$
DECLARE
    due date := current_date + 21;
    late integer;
BEGIN
    -- A blocked member gets nothing; neither does one with three late books.
    PERFORM 1 FROM lending.members WHERE id = borrower AND NOT blocked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'member % is blocked or unknown', borrower;
    END IF;
    SELECT count(*) INTO late
    FROM lending.loans
    WHERE member_id = borrower AND returned_on IS NULL AND due_on < current_date;
    IF late >= 3 THEN
        RAISE EXCEPTION 'member % has % late books', borrower, late;
    ELSIF late > 0 THEN
        -- Late with one or two: a week less.
        due := due - 7;
    END IF;
    IF lending.available(wanted) < 1 THEN
        RAISE EXCEPTION 'no copy of book % is on the shelf', wanted
            USING HINT = 'It can be reserved.';
    END IF;
    INSERT INTO lending.loans (book_id, member_id, due_on) VALUES (wanted, borrower, due);
    UPDATE lending.books SET condition = 'used' WHERE id = wanted AND condition = 'new';
    RETURN due;
END;
$$;

-- Takes a book back.
CREATE OR REPLACE PROCEDURE lending.take_back(given bigint, borrower bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE lending.loans SET returned_on = current_date
    WHERE book_id = given AND member_id = borrower AND returned_on IS NULL;
    IF NOT FOUND THEN
        RAISE NOTICE 'it was not lent';
    END IF;
    COMMIT;
END;
$$;

CREATE FUNCTION lending.refresh_popular() RETURNS trigger AS $$
BEGIN
    REFRESH MATERIALIZED VIEW lending.popular;
    RETURN NULL;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER after_loan AFTER INSERT ON lending.loans
FOR EACH STATEMENT EXECUTE FUNCTION lending.refresh_popular();

ALTER TABLE lending.books ADD COLUMN isbn text;
