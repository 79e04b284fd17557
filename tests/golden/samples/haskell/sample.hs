{-# LANGUAGE LambdaCase #-}
{-# LANGUAGE TypeFamilies #-}

-- | A small JSON reader that says where a text goes wrong.
module Data.Quill
  ( Value (..),
    Parser (..),
    decode,
    render,
  )
where

import Control.Applicative (Alternative (..))
import Data.Char (isDigit, isSpace)
import qualified Data.Map.Strict as Map

-- | What a text holds.
data Value
  = Null
  | Boolean !Bool
  | Number Double
  | Text String
  | List [Value]
  | -- | Fields by name.
    Object (Map.Map String Value)
  deriving (Eq, Show)

-- | Where reading stopped, and why.
data Failure = Failure
  { offset :: Int,
    reason :: String
  }
  deriving (Show)

type Input = (Int, String)

-- | Reads something from the front of a text.
newtype Parser a = Parser {runParser :: Input -> Either Failure (a, Input)}

instance Functor Parser where
  fmap f (Parser run) = Parser $ \input -> case run input of
    Left failure -> Left failure
    Right (value, rest) -> Right (f value, rest)

instance Applicative Parser where
  pure value = Parser $ \input -> Right (value, input)
  Parser left <*> Parser right = Parser $ \input -> do
    (f, rest) <- left input
    (value, rest') <- right rest
    pure (f value, rest')

instance Monad Parser where
  Parser run >>= next = Parser $ \input -> do
    (value, rest) <- run input
    runParser (next value) rest

instance Alternative Parser where
  empty = failing "nothing fits"
  Parser left <|> Parser right = Parser $ \input -> either (const (right input)) Right (left input)

-- | Types that can be read from a value.
class FromValue a where
  type Source a
  type Source a = Value

  -- | Read a value, or say why it does not fit.
  fromValue :: Value -> Either String a

  fromList, fromMany :: [Value] -> Either String [a]
  fromList = traverse fromValue
  fromMany = fromList

instance FromValue Bool where
  fromValue (Boolean flag) = Right flag
  fromValue other = Left ("no truth value: " ++ render other)

infixr 5 <:>

-- | Put what one parser reads before what another one does.
(<:>) :: Parser a -> Parser [a] -> Parser [a]
a <:> b = (:) <$> a <*> b

failing :: String -> Parser a
failing why = Parser $ \(at, _) -> Left (Failure at why)

satisfy :: String -> (Char -> Bool) -> Parser Char
satisfy wanted test = Parser $ \case
  (at, c : rest) | test c -> Right (c, (at + 1, rest))
  (at, _) -> Left (Failure at (wanted ++ " was expected"))

char :: Char -> Parser Char
char c = satisfy (show c) (== c)

keyword :: String -> a -> Parser a
keyword word meaning = meaning <$ mapM_ char word

spaces :: Parser ()
spaces = () <$ many (satisfy "space" isSpace)

-- | Things between two signs, with commas between them.
enclosed :: Char -> Char -> Parser a -> Parser [a]
enclosed open close item = char open *> spaces *> (items <|> pure []) <* char close
  where
    items = (item <* spaces) <:> many (char ',' *> spaces *> item <* spaces)

value :: Parser Value
value =
  keyword "null" Null
    <|> keyword "true" (Boolean True)
    <|> keyword "false" (Boolean False)
    <|> Number <$> number
    <|> Text <$> text
    <|> List <$> enclosed '[' ']' value
    <|> Object . Map.fromList <$> enclosed '{' '}' field
  where
    field = (,) <$> text <* spaces <* char ':' <* spaces <*> value

number :: Parser Double
number = read <$> some (satisfy "a digit" isDigit)

text :: Parser String
text = char '"' *> many (satisfy "a letter" (/= '"')) <* char '"'

-- | Read a whole text.
decode :: String -> Either Failure Value
decode source = case runParser (spaces *> value <* spaces) (0, source) of
  Right (found, (_, "")) -> Right found
  Right (_, (at, _)) -> Left (Failure at "there is something left")
  Left failure -> Left failure

-- | Write a value on one line.
render :: Value -> String
render Null = "null"
render (Boolean flag) = if flag then "true" else "false"
render (Number n) = show n
render (Text s) = show s
render (List items) = "[" ++ commas (map render items) ++ "]"
render (Object fields) = "{" ++ commas [show k ++ ": " ++ render v | (k, v) <- Map.toList fields] ++ "}"

commas [] = ""
commas items = foldr1 (\a b -> a ++ ", " ++ b) items
