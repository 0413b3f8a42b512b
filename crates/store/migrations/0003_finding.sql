-- What the last review that said so found that the outcome of a change truly was; none where no review has.
ALTER TABLE change_row ADD COLUMN finding TEXT;
